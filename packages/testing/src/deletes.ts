import type { SessionDb } from "@sessiondb/core";
import { agentRun, agentSession } from "./models.ts";

// A call of every kind that deletes, on the sessions and runs of `storeForDeletes`.

export async function storeForDeletes(db: SessionDb): Promise<void> {
  const sessionIds = Array.from({ length: 16 }, (_, index) => `d${index}`);
  await db.upsertSessions(
    sessionIds.map((sessionId) => ({
      ...agentSession(sessionId, { userId: "ada" }),
      runs: [agentRun(`${sessionId}-1`), agentRun(`${sessionId}-2`)],
    })),
  );
}

export interface KindOfDelete {
  readonly name: string;
  readonly call: (db: SessionDb) => Promise<number | boolean>;
  readonly result: number | boolean;
}

export const kindsOfDeletes: readonly KindOfDelete[] = [
  { name: "deleteSession", call: (db) => db.deleteSession({ sessionId: "d0" }), result: true },
  {
    name: "deleteSessions by ids",
    call: (db) => db.deleteSessions({ sessionIds: ["d0", "d1", "none"] }),
    result: 2,
  },
  {
    name: "deleteSessions by filter",
    call: (db) => db.deleteSessions({ filter: { componentId: "agent-1" } }),
    result: 16,
  },
  { name: "deleteRuns", call: (db) => db.deleteRuns({ runIds: ["d0-1", "d1-2", "none"] }), result: 2 },
  { name: "deleteSession of a user", call: (db) => db.forUser("ada").deleteSession({ sessionId: "d0" }), result: true },
  { name: "deleteSessions of a user", call: (db) => db.forUser("ada").deleteSessions({ filter: {} }), result: 16 },
  {
    name: "deleteRuns of a user",
    call: (db) => db.forUser("ada").deleteRuns({ runIds: ["d0-1", "d1-2"] }),
    result: 2,
  },
];
