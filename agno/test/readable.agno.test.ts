import { InMemorySessionDb, InvalidArgumentError, type JsonValue, type Run, type SessionDb } from "@sessiondb/core";
import { decodeRun } from "@sessiondb/core/adapter";
import { describe, expect, test } from "vitest";
import type { Agno } from "../src/agno.ts";
import { fullRuns } from "./full-runs.ts";
import { startAgno, withAgnoOnEach } from "./support.ts";

type RunType = keyof typeof fullRuns;

const runTypes = ["agent", "team", "workflow"] as const;

/** What may stand where Agno expects something else. `absent` takes the key away. */
const values: readonly [name: string, value: JsonValue | undefined][] = [
  ["absent", undefined],
  ["null", null],
  ["text", "zz"],
  ["no text", ""],
  ["a number", 7],
  ["a fraction", 1.5],
  ["a large number", 1e300],
  ["true", true],
  ["no list", []],
  ["a list of texts", ["zz"]],
  ["a list of numbers", [7]],
  ["a list of objects", [{ zz: 1 }]],
  ["no object", {}],
  ["an object", { zz: 1 }],
];

/** Where in a run, as its keys are in JSON, and whether the key goes into `extra`, past the types of the models. */
interface Cell {
  readonly name: string;
  readonly run: Run;
}

type Values = Record<string | number, unknown>;

type Path = readonly (string | number)[];

/** Every key of every object in the run, the first of equal ones in a list, and one that nobody knows. */
function* pathsOf(value: unknown, path: Path = []): Generator<Path> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      yield [...path, index];
      yield* pathsOf(item, [...path, index]);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      yield [...path, key];
      yield* pathsOf(item, [...path, key]);
    }
    yield [...path, "zzUnknown"];
  }
}

function modelOf(runType: RunType): Run {
  const json = fullRuns[runType];
  return decodeRun({
    runId: "r",
    sessionId: "s",
    runType,
    userId: "u",
    parentRunId: null,
    status: "COMPLETED",
    runData: json,
    createdAt: json["created_at"] as number,
  });
}

/** Keys of a whole run that Agno takes for something else, or that its messages inherit. */
const keysOfRuns = ["run", "created_at"];

const identities = { agent: { agentId: "a" }, team: { teamId: "t" }, workflow: { workflowId: "w" } } as const;

function* cellsOf(runType: RunType): Generator<Cell> {
  const full = modelOf(runType);
  for (const key of keysOfRuns) {
    for (const [name, value] of values) {
      const { createdAt: _createdAt, ...run } = structuredClone(full);
      yield { name: `${key} extra: ${name}`, run: { ...run, extra: { ...run.extra, [key]: value ?? null } } };
    }
  }
  const { runId, sessionId, createdAt } = full;
  for (const path of pathsOf(full)) {
    // Who a run is and what it is of is no content, and a run is dated by its row.
    if (
      path.length === 1 &&
      ["runId", "runType", "sessionId", "agentId", "teamId", "workflowId", "createdAt"].includes(String(path[0]))
    ) {
      continue;
    }
    const { part, place } = partOf(full, path);
    for (const [name, value] of values) {
      for (const way of ["property", "extra"] as const) {
        const run = structuredClone({ runType, runId, sessionId, createdAt, ...identities[runType], ...part }) as Run;
        if (put(run, place, { value, way })) {
          yield { name: `${path.join(".")} ${way}: ${name}`, run };
        }
      }
    }
  }
}

/** The key that a path begins with, or the one item of its list; the rest of a run need not be read again and again. */
function partOf(run: Run, path: Path): { part: object; place: Path } {
  const [key = "", index, ...rest] = path;
  const value = (run as unknown as Values)[key];
  return Array.isArray(value) && typeof index === "number"
    ? { part: { [key]: [value[index]] }, place: [key, 0, ...rest] }
    : { part: { [key]: value }, place: path };
}

/** False when the way makes no sense there. */
function put(
  run: Run,
  path: Path,
  { value, way }: { value: JsonValue | undefined; way: "property" | "extra" },
): boolean {
  const inside = (found: unknown, key: string | number): unknown => (found as Values)[key];
  const parent = path.slice(0, -1).reduce(inside, run as unknown) as Values;
  const key = path.at(-1) as string | number;
  if (typeof key === "number") {
    if (way === "extra" || value === undefined) {
      return false;
    }
    parent[key] = value;
    return true;
  }
  if (way === "property") {
    if (value === undefined) {
      delete parent[key];
    } else {
      parent[key] = value;
    }
    return true;
  }
  if (value === undefined || key === "extra" || path.includes("extra")) {
    return false;
  }
  delete parent[key];
  parent["extra"] = { ...(parent["extra"] as object | undefined), [snake(key)]: value };
  return true;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A model as its keys are in JSON, with `extra` among the others and without what is null. */
function flat(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(flat);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const { extra, ...others } = value as { extra?: object };
  return Object.fromEntries(
    Object.entries({ ...extra, ...others })
      .filter(([, item]) => item !== null && item !== undefined)
      .map(([key, item]) => [snake(key), flat(item)]),
  );
}

interface Outcome {
  readonly refused: number;
  readonly stored: number;
  readonly lost: readonly string[];
  readonly unreadable: readonly string[];
}

const runsOfSession = 50;

interface Sides {
  readonly db: SessionDb;
  readonly agno: Agno;
  /** The database's name there. */
  readonly there: string;
}

/** Stores the cells by our API, a session for many, and lets Agno read the sessions. */
async function outcomeOf(runType: RunType, cells: readonly Cell[], sides: Sides): Promise<Outcome> {
  const accepted: Cell[] = [];
  for (const cell of cells) {
    if (await isAccepted(runType, cell)) {
      accepted.push(cell);
    }
  }
  const sessions = await stored(runType, { cells: accepted, size: runsOfSession, prefix: "many" }, sides);
  const lost: string[] = [];
  for (const { sessionId, cells: inside, runs } of sessions) {
    const found = await sides.db.getSession({ sessionId });
    for (const [index, { name }] of inside.entries()) {
      // A run is dated by its row.
      const isDate = name.startsWith("created_at");
      if (!isDate && !holds(flat(found?.runs[index]), flat(runs[index]))) {
        lost.push(name);
      }
    }
  }
  const refused = (await readEach(runType, sessions, sides)).filter(
    ({ read, cells: inside }) => read !== inside.length,
  );
  const alone = await stored(
    runType,
    { cells: refused.flatMap(({ cells: inside }) => inside), size: 1, prefix: "alone" },
    sides,
  );
  const unreadable = (await readEach(runType, alone, sides)).flatMap(({ read, cells: [cell] }) =>
    read === 1 ? [] : [`${cell?.name ?? ""} → ${JSON.stringify(read).split("\\n")[0] ?? ""}`],
  );
  return { refused: cells.length - accepted.length, stored: accepted.length, lost, unreadable };
}

/** What our API refuses, it refuses with a typed error, whatever the store. */
async function isAccepted(runType: RunType, { name, run }: Cell): Promise<boolean> {
  await using db = new InMemorySessionDb();
  try {
    await db.upsertRun({ session: { ...identityOf(runType), sessionId: "s" }, run: { ...run, sessionId: "s" } });
    return true;
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) {
      throw new Error(name, { cause: error });
    }
    return false;
  }
}

interface StoredCells {
  readonly sessionId: string;
  readonly cells: readonly Cell[];
  readonly runs: readonly Run[];
}

/** Sessions of so many cells each. */
async function stored(
  runType: RunType,
  { cells, size, prefix }: { cells: readonly Cell[]; size: number; prefix: string },
  { db }: Sides,
): Promise<StoredCells[]> {
  const sessions: StoredCells[] = [];
  for (let start = 0; start < cells.length; start += size) {
    const sessionId = `${prefix}-${start}`;
    const inside = cells.slice(start, start + size);
    const runs = inside.map(({ run }, index): Run => ({ ...run, sessionId, runId: `${sessionId}-${index}` }));
    await db.upsertSession({ ...identityOf(runType), sessionId, runs });
    sessions.push({ sessionId, cells: inside, runs });
  }
  return sessions;
}

async function readEach(
  runType: RunType,
  sessions: readonly StoredCells[],
  { agno, there }: Sides,
): Promise<(StoredCells & { read: JsonValue | undefined })[]> {
  const session_ids = sessions.map(({ sessionId }) => sessionId);
  const read = (await agno.call("read_each", { db: there, session_type: runType, session_ids })) as JsonValue[];
  return sessions.map((session, index) => ({ ...session, read: read[index] }));
}

function identityOf(runType: RunType) {
  return { sessionType: runType, userId: "u", ...identities[runType] } as const;
}

/** Whether all that was given is there. What a store fills in may be there too. */
function holds(found: unknown, given: unknown): boolean {
  if (Array.isArray(given)) {
    return (
      Array.isArray(found) && found.length === given.length && given.every((item, index) => holds(found[index], item))
    );
  }
  if (typeof given !== "object" || given === null) {
    return Object.is(found, given);
  }
  return (
    typeof found === "object" &&
    found !== null &&
    Object.entries(given).every(([key, value]) => holds((found as Values)[key], value))
  );
}

withAgnoOnEach((name, fresh) => {
  const agno = startAgno();

  // Agno's objects read the same JSON from each database, so one database has every cell.
  const every = name === "sqlite" ? 1 : 41;

  describe.each(runTypes)("a run of type %s", (runType) => {
    test("is read by Agno and returned by us, whatever content our API accepts", { timeout: 240_000 }, async () => {
      const shared = await fresh();
      await using db = shared.open();
      const there = await shared.openIn(agno);
      const cells = [...cellsOf(runType)].filter((_, index) => index % every === 0);
      const outcome = await outcomeOf(runType, cells, { db, agno, there });
      expect({ lost: outcome.lost, unreadable: outcome.unreadable }).toEqual({ lost: [], unreadable: [] });
      // Neither side of the comparison is empty.
      expect(Math.min(outcome.stored, outcome.refused)).toBeGreaterThan(cells.length / 20);
    });
  });
});
