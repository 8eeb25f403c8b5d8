import type { SessionFilter, JsonObject, Session, SessionDb, SessionType, UserScope } from "@sessiondb/core";
import { expect } from "vitest";
import type { Agno } from "../src/agno.ts";

/** One database, as our store and Agno have it. */
export interface Sides {
  readonly db: SessionDb;
  readonly agno: Agno;
  /** The database's name there. */
  readonly there: string;
}

/** JSON without what is null or an empty list: Agno's objects leave these out, or put them in. */
export function present(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(present);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, present(item)] as const)
      .filter(([, item]) => item !== null && !(Array.isArray(item) && item.length === 0)),
  );
}

/** A session as Agno's objects have it. */
export async function sessionThere({ agno, there }: Sides, sessionId: string, kind: SessionType): Promise<JsonObject> {
  const session = await agno.call("session", { db: there, session_id: sessionId, session_type: kind });
  // Their class says which type they are.
  return { ...(present(session) as JsonObject), session_type: kind };
}

/** Windows of a history, as we and Agno name them. Of a single message Agno takes the system's. */
const windows = [undefined, 0, 1, 2, 10].flatMap((lastNRuns) =>
  [undefined, 2, 3].map((limit) => ({
    ours: { ...(lastNRuns !== undefined && { lastNRuns }), ...(limit !== undefined && { limit }) },
    theirs: { ...(lastNRuns !== undefined && { last_n_runs: lastNRuns }), ...(limit !== undefined && { limit }) },
  })),
);

/** Without zeros of metrics, times as text and keys of this library, which Agno's objects leave out or write otherwise. */
function unchanged(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(unchanged);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(
        ([key, item]) =>
          !(item === 0 && key.endsWith("_tokens")) &&
          !(typeof item === "string" && key.endsWith("_at")) &&
          key !== "sessiondb_steps",
      )
      .map(([key, item]) => [key, unchanged(item)]),
  );
}

/** Who wrote a session: Agno's objects have just what Agno wrote, and what ours wrote beside their defaults. */
type Writer = "agno" | "ours" | "an import";

interface Written {
  readonly kind: SessionType;
  readonly writer: Writer;
}

/** Expects that a session with its runs and its history are the same for both sides, field by field. */
export async function expectOneSession(sides: Sides, sessionId: string, { kind, writer }: Written): Promise<void> {
  const id = { session_id: sessionId, session_type: kind };
  const session = await sides.db.getSession({ sessionId });
  const ours = present(session?.toJSON()) as JsonObject;
  expect(ours["runs"]).not.toHaveLength(0);
  expect(present(await sides.agno.db(sides.there, "get_session", { ...id, deserialize: false }))).toEqual(ours);
  const object = await sessionThere(sides, sessionId, kind);
  if (writer === "agno") {
    expect(object).toEqual(ours);
  }
  if (writer === "ours") {
    expect(object).toMatchObject(unchanged(ours) as JsonObject);
  }
  await expectSameHistory(sides, session);
}

/** Expects that the runs of a session are the same for both sides one by one as well. */
export async function expectSameRuns({ db, agno, there }: Sides, sessionId: string): Promise<void> {
  const [rows] = (await agno.db(there, "get_runs", { session_id: sessionId, deserialize: false })) as [JsonObject[]];
  const { runs } = await db.getRuns({ sessionId, limit: 1000 });
  expect(runs).toEqual((await db.getSession({ sessionId }))?.runs);
  expect(rows.map((row) => [row["run_id"], row["run_type"], row["status"], row["user_id"]])).toEqual(
    runs.map(({ runId, runType, status, userId }) => [runId, runType, status, userId ?? null]),
  );
  for (const run of runs) {
    expect(await db.getRun({ runId: run.runId })).toEqual(run);
  }
}

/** Expects that both sides would tell a model the same, whatever the window. */
async function expectSameHistory({ agno, there }: Sides, session: Session | null): Promise<void> {
  if (session === null || session.sessionType === "workflow") {
    return;
  }
  const id = { session_id: session.sessionId, session_type: session.sessionType };
  // Of a team Agno's windows of messages may begin with the result of a tool, which no model accepts.
  const all = windows.filter((window) => session.sessionType === "agent" || !("limit" in window.ours));
  for (const { ours, theirs } of all) {
    const told = (await agno.call("history", { db: there, ...id, ...theirs })) as JsonObject[];
    const messages = session.getMessages(ours);
    expect([theirs, messages.map(({ role, content }) => [role, content ?? null])]).toEqual([
      theirs,
      told.map((message) => [message["role"], message["content"] ?? null]),
    ]);
  }
}

/** The times of the first of the sessions that are listed; the others follow by a second each. */
const firstTime = 1_700_000_000;

/** Conditions of a list, as we and Agno name them. */
export const filters: readonly (readonly [SessionFilter & UserScope, JsonObject])[] = [
  [{}, {}],
  [{ sessionType: "agent" }, { session_type: "agent" }],
  [{ sessionType: "team" }, { session_type: "team" }],
  [{ sessionType: "workflow" }, { session_type: "workflow" }],
  [{ userId: "ada" }, { user_id: "ada" }],
  [{ userId: "bob" }, { user_id: "bob" }],
  [{ userId: "nobody" }, { user_id: "nobody" }],
  [{ componentId: "another" }, { component_id: "another" }],
  [
    { sessionType: "agent", componentId: "bot" },
    { session_type: "agent", component_id: "bot" },
  ],
  [{ sessionName: "workflow's" }, { session_name: "workflow's" }],
  [
    { startTimestamp: firstTime + 3, endTimestamp: firstTime + 8 },
    { start_timestamp: firstTime + 3, end_timestamp: firstTime + 8 },
  ],
  [
    { userId: "ada", sessionType: "agent", endTimestamp: firstTime + 5 },
    { user_id: "ada", session_type: "agent", end_timestamp: firstTime + 5 },
  ],
];
const columns = { createdAt: "created_at", updatedAt: "updated_at" } as const;
const orders = (["createdAt", "updatedAt"] as const).flatMap((sortBy) =>
  (["asc", "desc"] as const).map((sortOrder) => ({ sortBy, sortOrder })),
);
const pages = [{ limit: 1000 }, { limit: 4, page: 2 }];

/** Expects that both sides list the same sessions, in every order and on every page. */
export async function expectOneList(
  { db, agno, there }: Sides,
  ours: SessionFilter & UserScope,
  theirs: JsonObject,
): Promise<void> {
  for (const order of orders) {
    for (const page of pages) {
      const found = await db.getSessions({ ...ours, ...order, ...page, includeTotal: true });
      const sorted = { sort_by: columns[order.sortBy], sort_order: order.sortOrder };
      const [rows, total] = (await agno.db(there, "get_sessions", {
        ...theirs,
        ...sorted,
        ...page,
        deserialize: false,
      })) as [JsonObject[], number];
      const ids = found.sessions.map(({ sessionId }) => sessionId);
      expect([order, page, ids]).toEqual([order, page, rows.map((row) => row["session_id"])]);
      // On MySQL and MariaDB Agno counts nothing beyond the last page.
      if (rows.length > 0) {
        expect(found.total).toBe(total);
      }
    }
  }
}

/** Gives sessions times of their own: Agno leaves the order of equal ones open. */
export async function spread(query: (sql: string) => Promise<unknown>, sessionIds: Iterable<string>): Promise<void> {
  for (const [index, sessionId] of [...sessionIds].entries()) {
    const times = `created_at = ${firstTime + index}, updated_at = ${firstTime + 1000 + ((index * 7) % 101)}`;
    await query(`update agno_sessions set ${times} where session_id = '${sessionId}'`);
  }
}
