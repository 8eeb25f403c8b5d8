// Imported ahead of a program, puts version 7 of the AI SDK, and of its client of MCP, in the place of the versions that the
// packages depend on.
import { register } from "node:module";

const agent = new URL("../packages/agent/package.json", import.meta.url).href;
const hooks = `export function resolve(specifier, context, next) {
  const found = /^(ai|@ai-sdk\\/mcp)(\\/.*)?$/.exec(specifier);
  return found !== null
    ? next(found[1] + "7" + (found[2] ?? ""), { ...context, parentURL: ${JSON.stringify(agent)} })
    : next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
