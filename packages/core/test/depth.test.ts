import { expect, test } from "vitest";
import { InMemorySessionDb, type JsonObject, type Run } from "../src/index.ts";
import { deepestJson } from "../src/json-check.ts";

const nested = (levels: number): JsonObject => (levels === 1 ? {} : { in: nested(levels - 1) });

/** The documents that callers give, each with how many levels the library puts around them. */
const places: Readonly<Record<string, [around: number, write: (db: InMemorySessionDb, json: JsonObject) => unknown]>> =
  {
    "the state of a session": [
      1,
      (db, json) => db.upsertSession({ sessionType: "agent", sessionId: "s", sessionData: { session_state: json } }),
    ],
    "the metadata of a session": [
      0,
      (db, json) => db.upsertSession({ sessionType: "agent", sessionId: "s", metadata: json }),
    ],
    "the metadata of a run": [1, (db, metadata) => db.upsertRun(turn({ metadata }))],
    "the extra of a run": [1, (db, mine) => db.upsertRun(turn({ extra: { mine } }))],
    "a changed state": [1, (db, sessionState) => db.updateSession({ sessionId: "s" }, { sessionState })],
  };

function turn(run: Partial<Run>) {
  return {
    session: { sessionType: "agent", sessionId: "s", agentId: "a" },
    run: { runType: "agent", runId: "r", ...run } as Run,
  } as const;
}

test.each(Object.entries(places))(
  "%s can be read and changed at any depth at which it can be written",
  async (_place, [around, write]) => {
    await using db = new InMemorySessionDb({ maxPayloadBytes: 10_000_000 });
    await db.upsertRun(turn({}));
    await write(db, nested(deepestJson - around));
    await db.updateSession({ sessionId: "s" }, ({ sessionState }) => ({ sessionState: { ...sessionState, more: 1 } }));
    await db.updateRun({ runId: "r" }, (run) => ({ ...run, content: "changed" }));
    for (const levels of [deepestJson - around + 1, 2000, 100_000]) {
      const tooDeep: JsonObject = {};
      let inner = tooDeep;
      for (let level = 1; level < levels; level += 1) {
        inner = inner["in"] = {};
      }
      const refused = (async () => write(db, tooDeep))();
      await expect(refused).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      await expect(refused).rejects.toThrow(`nested at most ${deepestJson} levels deep`);
    }
  },
);
