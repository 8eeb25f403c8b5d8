import { SessionDbError } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { NetworkProxy } from "@sessiondb/testing/network-proxy";
import { describe, expect, test } from "vitest";
import { okAnswer } from "./protocol.ts";
import { freshDatabase, onEachServer, query, withConnection } from "./support.ts";

type Write = (db: MySqlSessionDb) => Promise<unknown>;

/** Every kind of write, on sessions `s` with the runs `a`, `b` and `c`, and `t`. */
const writes: Readonly<Record<string, Write>> = {
  "a turn": (db) => db.upsertRun({ session: agentSession("s"), run: agentRun("d") }),
  "a first turn": (db) => db.upsertRun({ session: agentSession("new"), run: agentRun("d") }),
  "a turn that repeats a run": (db) =>
    db.upsertRun({ session: agentSession("s"), run: agentRun("b", { content: "Again" }) }),
  "a turn with a change": (db) =>
    db.upsertRun({ session: agentSession("s"), run: agentRun("d"), change: { sessionName: "Trip" } }),
  "a turn that replaces the end": (db) =>
    db.upsertRun({ session: agentSession("s"), run: agentRun("d"), deleteRunsAfter: "a", onlyIfExists: "session" }),
  "a turn with a further session": (db) =>
    db.upsertRun({
      session: agentSession("s"),
      run: agentRun("d"),
      also: [{ session: agentSession("t"), change: { sessionName: "T" } }],
    }),
  "a new session with a run": (db) => db.upsertSession(agentSession("new", { runs: [agentRun("d")] } as object)),
  "a stored session": (db) => db.upsertSession(agentSession("t", { metadata: { changed: true } })),
  "several sessions": (db) =>
    db.upsertSessions([agentSession("new"), agentSession("t", { metadata: { changed: true } })]),
  updateSession: (db) => db.updateSession({ sessionId: "s" }, { sessionState: { a: 1 } }),
  renameSession: (db) => db.renameSession({ sessionId: "s", sessionName: "Trip" }),
  updateRun: (db) => db.updateRun({ runId: "b" }, (stored) => ({ ...stored, content: "Changed" })),
  "updateRun to delete": (db) => db.updateRun({ runId: "b" }, () => null),
  deleteRuns: (db) => db.deleteRuns({ runIds: ["a", "b"] }),
  deleteSession: (db) => db.deleteSession({ sessionId: "s" }),
  "deleteSessions of a filter": (db) => db.deleteSessions({ filter: { sessionType: "agent" } }),
};

const execute = 0x17;
const plainQuery = 0x03;

onEachServer((server) => {
  describe.each([true, false])("with a proxy that falsely reports success, in a transaction: %s", (inTransaction) => {
    test.each(Object.entries(writes))(
      "%s is not acknowledged unless it is written",
      { timeout: 30_000 },
      async (_, write) => {
        const url = await freshDatabase(server.url);
        await using direct = new MySqlSessionDb({ url });
        await direct.migrate();
        await using proxy = await NetworkProxy.to(url);
        await using db = new MySqlSessionDb({ url: proxy.url, poolSize: 1, retryTimeout: 2000 });
        const settle = async (): Promise<void> => {
          await withConnection(url, (on) => on.query("delete from agno_runs; delete from agno_sessions"));
          await direct.upsertSessions([agentSession("s"), agentSession("t")]);
          for (const id of ["a", "b", "c"]) {
            await direct.upsertRun({ session: agentSession("s"), run: agentRun(id) });
          }
        };
        // By a proxy that does nothing yet: so the statements are prepared.
        await settle();
        const initial = await stateOf(url);
        await write(db);
        const right = await stateOf(url);
        let faked = true;
        for (let at = 1; faked && at < 40; at += 1) {
          await settle();
          let commands = 0;
          let started = false;
          faked = false;
          proxy.onRequest = (bytes) => {
            started ||= bytes.includes("START TRANSACTION");
            const isEnd = bytes.includes("COMMIT") || bytes.includes("ROLLBACK");
            if (!started || bytes[3] !== 0 || isEnd || (bytes[4] !== execute && bytes[4] !== plainQuery)) {
              return "pass";
            }
            commands += 1;
            if (commands !== at) {
              return "pass";
            }
            faked = true;
            return okAnswer({ inTransaction });
          };
          const outcome = await write(db).then(
            () => "acknowledged",
            (error: unknown) => error,
          );
          proxy.onRequest = () => "pass";
          const found = await stateOf(url);
          // Without its beginning a transaction is none: what it wrote before that was seen stays, and the error says so.
          const isOpen = /may have been made|were deleted before/.test(String(outcome));
          const expected = outcome === "acknowledged" ? right : isOpen ? found : initial;
          expect([at, String(outcome), found]).toEqual([at, String(outcome), expected]);
          const code = SessionDbError.isInstance(outcome) ? outcome.code : outcome;
          expect(code).toMatch(/^(?:acknowledged|DATABASE_\w+|PARTIAL_DELETE)$/);
        }
      },
    );
  });
});

/** All rows, without the times. */
async function stateOf(url: string): Promise<unknown> {
  const sessions = "select session_id, session_data, metadata from agno_sessions order by session_id";
  const runs = "select run_id, session_id, run_index, status, run_data from agno_runs order by run_id";
  return JSON.parse(
    JSON.stringify([await query(url, sessions), await query(url, runs)]).replaceAll(/(created_at\\*"):\d+/g, "$1:0"),
  ) as unknown;
}
