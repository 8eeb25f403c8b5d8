import { InMemorySessionDb, type JsonObject, type SessionDb, type SessionSummary } from "@sessiondb/core";
import { describe, expect, test } from "vitest";

// Objects that JSON makes something else of: stored as a session's data, they would come back as no object at all.

const made = (json: unknown): object => ({ toJSON: () => json });
const values: Readonly<Record<string, object>> = {
  "a date": new Date(0),
  "a URL": new URL("http://localhost"),
  "one that is a list in JSON": made([1]),
  "one that is text in JSON": made("text"),
  "one that is null in JSON": made(null),
  "one that is nothing in JSON": made(undefined),
};

const session = { sessionType: "agent", sessionId: "s", agentId: "a" } as const;
const run = { runType: "agent", runId: "r" } as const;

/** Every place of a session's or a run's object, by the path that an error has. */
const places: Readonly<Record<string, (db: SessionDb, value: never) => Promise<unknown>>> = {
  "session.sessionData": (db, sessionData) => db.upsertSession({ ...session, sessionData }),
  "session.agentData": (db, agentData) => db.upsertSession({ ...session, agentData }),
  "session.metadata": (db, metadata) => db.upsertSession({ ...session, metadata }),
  "session.summary": (db, summary) => db.upsertSession({ ...session, summary }),
  "change.sessionData": (db, sessionData) => db.updateSession({ sessionId: "s" }, { sessionData }),
  "change.sessionState": (db, sessionState) => db.updateSession({ sessionId: "s" }, { sessionState }),
  "change.metadata": (db, metadata) => db.updateSession({ sessionId: "s" }, { metadata }),
  "change.agentData": (db, agentData) => db.updateSession({ sessionId: "s" }, { agentData }),
  "change.summary": (db, summary) => db.updateSession({ sessionId: "s" }, { summary }),
  "run.sessionState": (db, sessionState) => db.upsertRun({ session, run: { ...run, sessionState } }),
  "run.metadata": (db, metadata) => db.upsertRun({ session, run: { ...run, metadata } }),
};

const summary: SessionSummary = { summary: "So far" };

describe.each(Object.keys(places))("%s", (argument) => {
  test.each(Object.keys(values))("refuses %s", async (name) => {
    await using db = new InMemorySessionDb();
    await db.upsertSession({ ...session, sessionData: { session_state: { a: 1 } }, metadata: { b: 2 }, summary });
    const before = JSON.stringify(await db.getSession({ sessionId: "s" }));
    const write = places[argument]?.(db, values[name] as never);
    await expect(write).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument });
    expect(JSON.stringify(await db.getSession({ sessionId: "s" }))).toBe(before);
  });
});

test("an object that JSON makes an object of is stored as that", async () => {
  await using db = new InMemorySessionDb();
  const { metadata } = await db.upsertSession({ ...session, metadata: made({ a: 1 }) as JsonObject });
  expect(metadata).toEqual({ a: 1 });
});
