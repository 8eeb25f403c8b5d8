import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { agentRun, agentSession } from "@sessiondb/testing/models";

/** What text and numbers may be spoilt in. */
const text = `it's \\ "q" \\u0041 %_ é😀 ß İΣ NULL {a,b}\n\t$1 :x ?`;
const data = { note: text, big: 9007199254740991, small: 1e-9, deep: [null, true, { "": [] }] };

/** Does everything that a store does, and says what came of it. */
export async function everyOperation(db: SessionDb): Promise<unknown[]> {
  const seen: unknown[] = [];
  const session = agentSession("s", { userId: "u", metadata: data, createdAt: 1_700_000_000 });
  seen.push(await db.upsertRun({ session, run: agentRun("a", { content: text, createdAt: 5 }) }));
  seen.push(await db.upsertRun({ session, run: agentRun("b", { createdAt: 6 }), change: { sessionState: { n: 0 } } }));
  seen.push(await db.upsertRun({ session, run: agentRun("a", { content: `${text}!`, createdAt: 7 }) }));
  seen.push(await db.upsertRun({ session, run: agentRun("c", { createdAt: 8 }), onlyIfNewest: "b" }));
  await Promise.all(
    [1, 2, 3].map((n) =>
      db.updateSession({ sessionId: "s" }, ({ sessionState }) => ({
        sessionState: { ...sessionState, n: Number(sessionState["n"]) + n },
      })),
    ),
  );
  await db.upsertSessions(
    ["NULL", "It's", "x\\y"].map((sessionId, index) =>
      agentSession(sessionId, {
        createdAt: index,
        sessionData: { session_name: `${sessionId} ÉCOLE ${index}` },
        runs: [
          agentRun(`${sessionId}-0`, { createdAt: 1, status: "PAUSED" }),
          agentRun(`${sessionId}-1`, { createdAt: 2 }),
        ],
      }),
    ),
  );
  await db.renameSession({ sessionId: "s", sessionName: "İstanbul \\ 'gezisi'" });
  await db.updateRun({ runId: "b" }, (run) => ({ ...run, content: "changed" }));
  for (const sessionId of ["s", "NULL", "It's", "x\\y"]) {
    const found = await db.getSession({ sessionId });
    seen.push([found?.sessionState, found?.metadata, found?.sessionName, found?.createdAt, found?.userId]);
    seen.push(found?.runs.map(({ runId, content, status, createdAt }) => [runId, content, status, createdAt]));
    seen.push((await db.getSession({ sessionId, runsLimit: 1 }))?.runs.map(({ runId }) => runId));
  }
  for (const sessionName of ["école", "istanbul \\ '", "%", "\\Y", "_"]) {
    const { sessions, total } = await db.getSessions({ sessionName, includeTotal: true, includeRuns: true, limit: 2 });
    seen.push([sessionName, total, sessions.map(({ sessionId, runs }) => [sessionId, runs.length])]);
  }
  for (const options of [
    { userId: "u" },
    { componentId: "agent-1" },
    { runStatus: ["PAUSED"] },
    { startTimestamp: 2 },
  ]) {
    const { sessions } = await db.getSessions({ ...options, sortOrder: "asc", includeRunCount: true });
    seen.push(sessions.map(({ sessionId, runCount }) => [sessionId, runCount]));
  }
  const { runs, nextCursor } = await db.getRuns({ limit: 3 });
  const rest = nextCursor === null ? [] : (await db.getRuns({ cursor: nextCursor })).runs;
  seen.push([...runs, ...rest].map(({ runId }) => runId));
  seen.push((await db.getRuns({ status: "PAUSED", sessionId: "It's" })).runs.length);
  seen.push(await db.deleteRuns({ runIds: ["a", "none"] }));
  seen.push((await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId));
  seen.push(await db.deleteSessions({ filter: { sessionName: "École 1" } }));
  seen.push(await db.deleteSession({ sessionId: "NULL" }), await db.deleteSession({ sessionId: "NULL" }));
  seen.push(
    (await db.getRuns()).runs.map(({ runId }) => runId),
    (await db.getSessions({ includeTotal: true })).total,
  );
  return seen;
}

/** What comes of it in the reference. */
export async function expectedOfEveryOperation(): Promise<unknown[]> {
  return everyOperation(new InMemorySessionDb());
}
