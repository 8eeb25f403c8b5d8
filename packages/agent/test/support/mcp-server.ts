import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";

/** A picture of one pixel. */
export const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

interface ServerOptions {
  /** Ends the server in the middle of a call. */
  readonly die: () => void;
  readonly say: (line: string) => void;
}

/** A server of MCP with a tool for each way in which one may end. */
export function mcpServer({ die, say }: ServerOptions): McpServer {
  const server = new McpServer({ name: "tea", version: "1.0.0" });
  server.registerTool("look", { inputSchema: { what: z.string() } }, ({ what }) => ({
    content: [{ type: "text", text: `Saw ${what}` }],
  }));
  server.registerTool("draw", {}, () => ({
    content: [
      { type: "text", text: "Drawn" },
      { type: "image", data: pixel, mimeType: "image/png" },
    ],
  }));
  server.registerTool("buy", { inputSchema: { what: z.string() } }, ({ what }) => {
    say(`bought ${what}`);
    return { content: [{ type: "text", text: `Bought ${what}` }] };
  });
  server.registerTool("fail", {}, () => ({ content: [{ type: "text", text: "Sold out" }], isError: true }));
  server.registerTool("throw", {}, () => {
    throw new Error("No shop");
  });
  server.registerTool("wait", {}, () => {
    say("waits");
    return new Promise(() => {});
  });
  server.registerTool("die", {}, () => {
    die();
    return new Promise(() => {});
  });
  return server;
}
