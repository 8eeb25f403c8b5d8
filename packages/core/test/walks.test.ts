import { InMemorySessionDb, type SessionDb, type SessionHeader } from "@sessiondb/core";
import type { SessionListQuery, SessionPageOf, Signal } from "@sessiondb/core/adapter";
import { expect, test } from "vitest";

/** Takes every page for the first one. */
class GoesInCircles extends InMemorySessionDb {
  protected override listSessions(query: SessionListQuery, _signal?: Signal): Promise<SessionPageOf<SessionHeader>> {
    return super.listSessions({ ...query, start: null }) as Promise<SessionPageOf<SessionHeader>>;
  }
}

async function walked(db: SessionDb): Promise<number> {
  let pages = 0;
  for await (const page of db.sessionPages({ limit: 2 })) {
    pages += page === null ? 0 : 1;
  }
  return pages;
}

test("a walk ends when a store leads it in circles", async () => {
  const db = new GoesInCircles();
  for (const sessionId of ["a", "b", "c", "d", "e"]) {
    await db.upsertSession({ sessionType: "agent", sessionId, agentId: "a" });
  }
  await expect(walked(db)).rejects.toMatchObject({ code: "DATABASE_ERROR" });
});
