import fc from "fast-check";
import { recordedSessions, recordings } from "../fixtures.ts";
import { anyRun } from "../any-run.ts";
import type { JsonObject, JsonValue } from "../../src/json.ts";
import { encodeRun } from "../../src/models/run-codec.ts";
import { decodeRunJson, encodeRunJson } from "../../src/models/run-shapes.ts";
import type { Run } from "../../src/models/runs.ts";

// Decodes and encodes many runs, each layout often enough to be compiled, and prints the results of the last time.

const values: readonly JsonValue[] = [null, 1.5, "text", true, {}, ["text"], [{ role: "user" }]];

const recorded = recordings.flatMap((name) =>
  recordedSessions(name).flatMap(({ run_rows: rows = [] }) => rows.slice(0, 1).map((row) => row.run_data)),
);
const drawn = fc.sample(anyRun, { seed: 15, numRuns: 100 });

for (const json of [...recorded, ...drawn]) {
  repeat(json);
  for (const changed of recorded.includes(json) ? variants(json) : []) {
    console.log(result(changed));
  }
  console.log(result(json));
}
console.log(compiles() ? "compiled" : "not compiled");

function repeat(json: JsonObject): void {
  for (let round = 0; round < 10; round += 1) {
    result(json);
  }
}

/** The run with each value of its own, of its first message and of its first tool, in turn replaced by each of `values`. */
function variants(json: JsonObject): JsonObject[] {
  return Object.keys(json).flatMap((key) => {
    const value = json[key];
    const nested = Array.isArray(value) && isObject(value[0]) ? value[0] : null;
    return [
      ...values.map((each) => ({ ...json, [key]: each })),
      ...(nested === null ? [] : variants(nested).map((each) => ({ ...json, [key]: [each, nested] }))),
    ];
  });
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The decoded run, with the order of its keys, the JSON that it becomes, and its row. */
function result(json: JsonObject): string {
  const run = decodeRunJson(json, "agent");
  return JSON.stringify([run, run === undefined ? null : [encoded(run), stored(run)], withoutSome(run)]);
}

function encoded(run: Run): JsonObject | string {
  try {
    return encodeRunJson(run, ["run"]);
  } catch (error) {
    return String(error);
  }
}

function stored(run: Run): unknown {
  try {
    return encodeRun(run, { sessionId: "s" }, { now: 9 });
  } catch (error) {
    return String(error);
  }
}

/** What becomes of the run if a value is undefined, and its key is in `extra`. */
function withoutSome(run: Run | undefined): JsonObject | string | null {
  return run === undefined ? null : encoded({ ...run, status: undefined, extra: { status: "odd" } } as unknown as Run);
}

function compiles(): boolean {
  try {
    // eslint-disable-next-line typescript/no-implied-eval -- The text is empty.
    return typeof new Function() === "function";
  } catch {
    return false;
  }
}
