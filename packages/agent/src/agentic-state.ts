import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import { checkFlag, isJsonObject, nonEmptyText, texts } from "@sessiondb/core/adapter";
import type { RunContext } from "@sessiondb/turns";
import { asSchema, jsonSchema, tool, type JSONSchema7, type ToolSet } from "ai";

type ChangesSchema = StandardSchemaV1<unknown, object>;

/** Whether a model may change the session state, and what of it: anything, some keys, or what fits a schema. */
export type AgenticState<State extends object = JsonObject> =
  | boolean
  | readonly (keyof State & string)[]
  | StandardSchemaV1<unknown, ChangesOf<State>>;

type ChangesOf<State> = { readonly [Key in keyof State]?: State[Key] | undefined };

/** What a model may change of the state. Null keys: all of them. */
type Allowed = { readonly keys: readonly string[] | null } | { readonly schema: ChangesSchema };

/** Reads the option. False if the model may change nothing. */
export function agenticStateOf(value: unknown, argument: string): Allowed | false {
  if (Array.isArray(value)) {
    const keys = texts(value, argument).map((key, index) => nonEmptyText(key, `${argument}[${index}]`));
    if (keys.length === 0) {
      throw new InvalidArgumentError(argument, "a list of one or more keys; false for none, true for all");
    }
    return { keys: [...new Set(keys)] };
  }
  // Schemas of some libraries are functions.
  if ((typeof value === "object" || typeof value === "function") && value !== null && "~standard" in value) {
    return { schema: value as ChangesSchema };
  }
  if (value !== undefined && typeof value !== "boolean") {
    throw new InvalidArgumentError(argument, "true or false, a list of keys, or a schema of Standard Schema");
  }
  return checkFlag(value, argument, false) && { keys: null };
}

const updates = "session_state_updates";

/** Returns the tool with which a model changes the session state. */
export function updateSessionState(context: RunContext, allowed: Allowed): ToolSet[string] {
  return tool({
    description: "Changes the session state. Each given key replaces the key of the same name; all other keys stay.",
    inputSchema: jsonSchema<Record<typeof updates, unknown>>(async () => ({
      type: "object",
      properties: { [updates]: await shapeOf(allowed) },
      required: [updates],
    })),
    execute: async ({ [updates]: given }) => {
      if (!isJsonObject(given)) {
        throw new InvalidArgumentError(updates, "an object");
      }
      const copy = await checked(structuredClone(given), allowed);
      context.updateSessionState((state) => ({ ...state, ...structuredClone(copy) }));
      return { session_state: context.sessionState };
    },
  });
}

/** Returns the changes as they may be stored. */
async function checked(given: JsonObject, allowed: Allowed): Promise<JsonObject> {
  const names = Object.keys(given);
  if (!("schema" in allowed)) {
    const { keys } = allowed;
    const refused = keys === null ? undefined : names.find((name) => !keys.includes(name));
    if (refused !== undefined) {
      throw new InvalidArgumentError(`${updates}.${refused}`, `left out: only ${keys?.join(", ")} may be changed`);
    }
    return given;
  }
  const result = await allowed.schema["~standard"].validate(given);
  if (result.issues !== undefined) {
    const issues = result.issues.map(({ message, path = [] }) => {
      const place = path.map((segment) => String(typeof segment === "object" ? segment.key : segment)).join(".");
      return place === "" ? message : `${place}: ${message}`;
    });
    throw new InvalidArgumentError(updates, `such that it fits its schema: ${issues.join("; ")}`);
  }
  const read = result.value as JsonObject;
  // Many schemas drop the keys that they do not know, and fill in others.
  const refused = names.find((name) => !Object.hasOwn(read, name));
  if (refused !== undefined) {
    throw new InvalidArgumentError(`${updates}.${refused}`, "left out: the schema of the changes does not have it");
  }
  return Object.fromEntries(names.map((name) => [name, read[name] ?? null]));
}

/** Returns what the model is told of the changes that it may make. */
async function shapeOf(allowed: Allowed): Promise<JSONSchema7> {
  const description = "The keys to set, with their values.";
  if (!("schema" in allowed)) {
    const { keys } = allowed;
    return keys === null
      ? { type: "object", description }
      : {
          type: "object",
          description,
          properties: Object.fromEntries(keys.map((key) => [key, {}])),
          additionalProperties: false,
        };
  }
  try {
    return { description, ...(await asSchema(allowed.schema as Parameters<typeof asSchema>[0]).jsonSchema) };
  } catch {
    // Not every library can describe its schemas. What does not fit is refused in any case.
    return { type: "object", description };
  }
}
