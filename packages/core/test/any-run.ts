import fc from "fast-check";
import { setKey, type JsonObject, type JsonValue } from "../src/json.ts";
import { rawSessions } from "./fixtures.ts";

const runKeys = keysOf(rawSessions().flatMap(([, session]) => session.runs ?? []));
const messageKeys = keysOf(
  rawSessions().flatMap(([, session]) => (session.runs ?? []).flatMap((run) => objects(run["messages"]))),
);
const stepKeys = keysOf(
  rawSessions().flatMap(([, session]) => (session.runs ?? []).flatMap((run) => objects(run["step_results"]))),
);

/** JSON objects that look like runs: mostly known keys, with values that mostly, and not always, are of the right type. */
export const { run: anyRun } = fc.letrec<{ run: JsonObject; value: JsonValue; nested: JsonValue }>((tie) => ({
  run: jsonObject(
    [...runKeys, "queue_attempt", "followups", "workflow_agent_run", "member_responses"],
    tie("value"),
  ).map((json) => ({
    ...json,
    run_id: "r",
  })),
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.string(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.array(tie("nested")),
    tie("nested"),
  ),
  nested: fc.oneof(
    { maxDepth: 3 },
    tie("run"),
    jsonObject(messageKeys, tie("value")).map((json) => ({ ...json, role: "user" })),
    jsonObject([...stepKeys, "steps", "duration", "input_tokens"], tie("value")),
    tie("value"),
  ),
}));

function jsonObject(keys: readonly string[], value: fc.Arbitrary<JsonValue>): fc.Arbitrary<JsonObject> {
  const key = fc.oneof(
    { arbitrary: fc.constantFrom(...keys), weight: 8 },
    fc.constantFrom("__proto__", "constructor", "extra", "runType", "run_type", "hasOwnProperty"),
    fc.string(),
  );
  return fc.array(fc.tuple(key, value), { maxLength: 8 }).map((pairs) => {
    const json: JsonObject = {};
    for (const [name, item] of pairs) {
      setKey(json, name, item);
    }
    return json;
  });
}

function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? (value as JsonObject[]) : [];
}

function keysOf(list: readonly JsonObject[]): string[] {
  return [...new Set(list.flatMap(Object.keys))];
}
