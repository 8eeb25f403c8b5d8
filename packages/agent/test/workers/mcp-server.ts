import { appendFileSync } from "node:fs";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { mcpServer } from "../support/mcp-server.ts";

// mcp-server <file>: a server of MCP on its standard input and output. Adds what its tools say to the file.
const [file = ""] = process.argv.slice(2);

const server = mcpServer({
  die: () => process.exit(1),
  say: (line) => appendFileSync(file, `${line}\n`),
});
appendFileSync(file, `${process.pid}\n`);
await server.connect(new StdioServerTransport());
