// Imported ahead of a program, puts version 7 of the AI SDK in the place of the version that the packages depend on.
import { register } from "node:module";

const agent = new URL("../packages/agent/package.json", import.meta.url).href;
const hooks = `export function resolve(specifier, context, next) {
  return specifier === "ai" || specifier.startsWith("ai/")
    ? next(specifier.replace("ai", "ai7"), { ...context, parentURL: ${JSON.stringify(agent)} })
    : next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
