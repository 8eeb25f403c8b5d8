import fc from "fast-check";
import { expect, test } from "vitest";
import { InvalidArgumentError } from "../src/errors.ts";
import { encodeRun, type RunSession } from "../src/models/run-codec.ts";
import { decodeRunJson, writeRun } from "../src/models/run-shapes.ts";
import type { Run } from "../src/models/runs.ts";
import { anyRun } from "./any-run.ts";
import { rawSessions, recordedSessions, recordings } from "./fixtures.ts";

// Runs of common layouts are written as text at once, others are encoded, completed and serialised. The results must be
// the same, and so must the errors.

const session: RunSession = { sessionId: "s", userId: "u", agentId: "a", teamId: "t", workflowId: "w" };
const sessions: RunSession[] = [
  session,
  { sessionId: "s" },
  { sessionId: "s", userId: null, agentId: null, teamId: "", workflowId: "w" },
];
/** How often a layout must be seen to be compiled, and then some. */
const often = 12;

const documents = [
  ...rawSessions().flatMap(([, { runs }]) => runs ?? []),
  ...recordings.flatMap((name) =>
    recordedSessions(name).flatMap(({ run_rows: rows = [] }) => rows.map((row) => row.run_data)),
  ),
];
const recorded = documents.flatMap((json) => decodeRunJson(json, "agent") ?? []);

class Point {
  readonly x = 1;
}

/** Values that JSON changes or cannot hold, and those that Agno cannot read in some places. */
const hostile: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  NaN: () => Number.NaN,
  "minus zero": () => -0,
  infinity: () => Number.NEGATIVE_INFINITY,
  fraction: () => 1.5,
  "huge number": () => 1e21,
  bigint: () => 1n,
  flag: () => true,
  text: () => "text",
  "text to escape": () => 'a"b\\c\n\u2028\u007f',
  NUL: () => "\0",
  "lone surrogates": () => "\udc00 \ud800",
  emoji: () => "\u{1f600}",
  "text like an escape": () => "\\u0000 \\ud800",
  symbol: () => Symbol("s"),
  function: () => () => 1,
  date: () => new Date(0),
  "invalid date": () => new Date(Number.NaN),
  instance: () => new Point(),
  map: () => new Map([["a", 1]]),
  bytes: () => new Uint8Array(2),
  "boxed text": () => new String("s"),
  "list with a hole": () => Object.assign([], { 1: 1 }),
  "list of text": () => ["a", "\ud800"],
  "list of odd models": () => [{ role: "user", runId: "r", runType: "agent" }, null],
  "message of another type": () => [{ role: 5 }, { role: "user", id: 5 }],
  "empty list": () => [],
  "empty object": () => ({}),
  "object without prototype": () => Object.assign(Object.create(null), { a: 1 }),
  "object with the key __proto__": () => JSON.parse('{"__proto__":{"a":"\\u0000"},"b\\ud800":1}'),
  "toJSON that returns its key": () => ({ toJSON: (key: string) => `key ${key}` }),
  "toJSON that returns an object": () => ({ a: 1, toJSON: (key: string) => ({ key }) }),
  "toJSON of a class": () =>
    new (class {
      toJSON() {
        return { a: 1 };
      }
    })(),
  "toJSON that throws": () => ({
    toJSON() {
      throw new Error("toJSON");
    },
  }),
  getter: () => ({
    get a() {
      return "got";
    },
  }),
  "getter that throws": () => ({
    get a() {
      throw new Error("getter");
    },
  }),
  cycle: () => {
    const list: unknown[] = [];
    list.push(list);
    return list;
  },
  ...Object.fromEntries(
    [245, 250, 251, 252, 253, 254, 255, 256, 257].map((levels) => [`${levels} levels`, () => nested(levels)]),
  ),
  extra: () => ({ extra: { odd: 1 } }),
  media: () => [
    { id: "i", url: "u", mimeType: "text/plain" },
    { id: "i", width: 1.5 },
  ],
};

function nested(levels: number): unknown {
  return levels === 0 ? 1 : [nested(levels - 1)];
}

type Path = readonly (string | number)[];

function pathsIn(value: unknown): Path[] {
  return typeof value !== "object" || value === null
    ? []
    : Object.entries(value).flatMap(([key, each]) => [[key], ...pathsIn(each).map((path) => [key, ...path])]);
}

/** A copy of the run with another value, or one more property, at a path. */
function changed(run: Run, path: Path, value: unknown): Run {
  const copy = structuredClone(run);
  const owner = path
    .slice(0, -1)
    .reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy as never);
  owner[path.at(-1) as string] = value;
  return copy;
}

/** A stored document without text has no effect, except that the run is encoded. */
function encoded(run: Run, from = session): unknown {
  return outcome(() => encodeRun(run, from, { now: 9, before: {} }));
}

/** The row of the last time, when the layouts of the run are compiled. */
function written(run: Run, from = session): unknown {
  let row: unknown;
  for (let round = 0; round < often; round += 1) {
    row = outcome(() => encodeRun(run, from, { now: 9 }));
  }
  return row;
}

function outcome(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error instanceof InvalidArgumentError ? { argument: error.argument, message: error.message } : error;
  }
}

test("runs of common layouts are written at once", () => {
  const within = { sessionId: "s", createdAt: 9, componentId: "c" };
  const write = (run: Run): string | null => writeRun(run, "", { within, own: within, index: 0, levels: 255 });
  for (let round = 0; round < 100; round += 1) {
    recorded.forEach(write);
  }
  expect(recorded.length).toBeGreaterThan(50);
  expect(recorded.filter((run) => write(run) === null)).toEqual([]);
});

test("recorded runs are written as they are encoded", () => {
  for (const run of recorded) {
    for (const from of sessions) {
      expect(written(run, from)).toStrictEqual(encoded(run, from));
    }
  }
});

test("generated runs are written as they are encoded", () => {
  fc.assert(
    fc.property(anyRun, fc.constantFrom(...sessions), (json, from) => {
      const run = decodeRunJson(json, "agent") as Run;
      expect(written(run, from)).toStrictEqual(encoded(run, from));
    }),
    { numRuns: 200 },
  );
});

test.each(Object.entries(hostile))(
  "a run with %s anywhere is written as it is encoded, or refused alike",
  (_, make) => {
    fc.assert(
      fc.property(
        fc.constantFrom(...recorded),
        fc.nat(),
        fc.constantFrom(null, "name", "extra", "__proto__"),
        (run, nat, key) => {
          const paths = pathsIn(run);
          const path = paths[nat % paths.length] ?? ["content"];
          const there = key === null ? path : [...path.slice(0, -1), key];
          const value = make();
          const odd = changed(run, there, value);
          expect(written(odd)).toStrictEqual(encoded(odd));
        },
      ),
      { numRuns: 40 },
    );
  },
);

test.each<[string, () => object]>([
  [
    "hidden",
    () =>
      Object.defineProperties({}, { status: { value: "RUNNING" }, userId: { value: "bob" }, agentId: { value: "b" } }),
  ],
  [
    "on the prototype",
    () =>
      new (class {
        get status(): string {
          return "RUNNING";
        }
        get userId(): string {
          return "bob";
        }
      })(),
  ],
  [
    "another one whenever it is read",
    () => {
      let reads = 0;
      const get = (): string => `value ${(reads += 1)}`;
      return Object.defineProperties(
        {},
        Object.fromEntries(
          ["status", "userId", "parentRunId", "agentId"].map((name) => [name, { get, enumerable: true }]),
        ),
      );
    },
  ],
])("the columns of a run repeat its JSON where a property is %s", (_, make) => {
  for (let round = 0; round < often; round += 1) {
    const run = Object.assign(make(), { runType: "agent", runId: "r", content: "Hello" }) as unknown as Run;
    const { runData, userId, status, parentRunId, agentId } = encodeRun(run, session, { now: 9 });
    expect(JSON.parse(runData)).toMatchObject({ user_id: userId, status, agent_id: agentId });
    expect((JSON.parse(runData) as Record<string, unknown>)["parent_run_id"] ?? null).toBe(parentRunId);
  }
});
