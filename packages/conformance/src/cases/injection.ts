import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { listedIds, listedRunIds, run, session } from "../support/data.ts";
import { dump, stored, storedRun } from "../support/dump.ts";
import { isNothing, methods } from "../support/methods.ts";
import { refusesArgument } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

/** Text that means something to a database or a template, and nothing to a store. */
const hostile: Readonly<Record<string, string>> = {
  "a quote that ends a string": "'; DELETE FROM agno_sessions; --",
  "a condition that is always true": "' OR '1'='1",
  "a quote that ends a name": '"; DROP TABLE agno_runs; --',
  "a backtick": "`; DROP TABLE agno_runs; --",
  "a bracket": "]; DROP TABLE agno_runs; --",
  "an escaped quote": "\\'; DROP TABLE agno_runs; --",
  "a union": "' UNION SELECT * FROM agno_sessions --",
  "a comment": "/* */ -- #",
  placeholders: "? ?? $1 :name @name %s {0} {{name}} ${name}",
  wildcards: "%_*?[a-z]",
  "a JSON path": '$."session_name"\\".x',
  "an operator as an object": '{"$gt": ""}',
  "a line break": "a\n; DROP TABLE agno_runs;\n",
  "a format of numbers": "1; DROP TABLE agno_runs",
};

async function prepare(db: SessionDb): Promise<void> {
  await db.upsertSession(session("bystander", { userId: "owner", runs: [run("bystander run")] }));
}

async function checkStored(db: SessionDb, text: string): Promise<void> {
  await prepare(db);
  const [bystander] = (await dump(db)).sessions;
  const init = session(text, {
    userId: text,
    agentId: text,
    teamId: text,
    workflowId: text,
    metadata: { [text]: text },
    sessionData: { session_name: text, session_state: { [text]: text } },
  });
  const turn = run(text, { agentId: text, parentRunId: text, status: text.slice(0, 50), content: text });
  await db.upsertRun({ session: init, run: turn, change: { summary: { summary: text } } });
  await db.renameSession({ sessionId: text, userId: text, sessionName: text });
  const read = await stored(db, text);
  assert.deepStrictEqual(
    [read.userId, read.agentId, read.sessionName, read.metadata],
    [text, text, text, { [text]: text }],
  );
  assert.equal((await storedRun(db, text)).content, text);
  for (const filter of [{ userId: text }, { participantId: text }, { componentId: text }, { sessionName: text }]) {
    assert.deepStrictEqual(await listedIds(db, filter), [text], JSON.stringify(filter));
  }
  for (const name of ["sessionId", "userId", "participantId", "parentRunId"]) {
    assert.deepStrictEqual(await listedRunIds(db, { [name]: text }), [text], name);
  }
  assert.equal(await db.deleteRuns({ runIds: [text], userId: text }), 1);
  assert.equal(await db.deleteSessions({ filter: { sessionName: text, componentId: text }, userId: text }), 1);
  assert.deepStrictEqual((await dump(db)).sessions, [bystander], "an unrelated session stays");
}

async function checkSearched(db: SessionDb, text: string): Promise<void> {
  await prepare(db);
  const before = await dump(db);
  const subject = { sessionId: text, runId: text };
  for (const [name, { call, writes, idArgument }] of Object.entries(methods)) {
    if (!writes && idArgument !== null) {
      assert.ok(isNothing(await call(db, subject, {})), name);
    }
    if (!writes) {
      assert.ok(isNothing(await call(db, subject, { userId: text })), `${name} of a user`);
    }
  }
  for (const filter of [{ participantId: text }, { componentId: text }, { sessionName: text }]) {
    assert.deepStrictEqual((await db.getSessions(filter)).sessions, [], JSON.stringify(filter));
    assert.equal(await db.deleteSessions({ filter }), 0, JSON.stringify(filter));
  }
  for (const name of ["participantId", "parentRunId", "status"]) {
    assert.deepStrictEqual((await db.getRuns({ [name]: text })).runs, [], name);
  }
  assert.equal(await db.deleteSession({ sessionId: text }), false);
  assert.equal(await db.deleteSessions({ sessionIds: [text] }), 0);
  assert.equal(await db.deleteRuns({ runIds: [text] }), 0);
  assert.equal(await db.updateSession({ sessionId: text }, { metadata: {} }), null);
  for (const name of ["sortBy", "sortOrder", "cursor", "sessionType"]) {
    await refusesArgument(db, name, () => db.getSessions({ [name]: text }));
  }
  for (const name of ["sortOrder", "cursor"]) {
    await refusesArgument(db, name, () => db.getRuns({ [name]: text }));
  }
  assert.deepStrictEqual(await dump(db), before);
}

export const injectionCases: Cases = {
  ...tableCases("%s is stored as it is", hostile, checkStored),
  ...tableCases("%s finds and changes nothing", hostile, checkSearched),

  "a handmade cursor is read as data or refused": async (db) => {
    await prepare(db);
    const before = await dump(db);
    for (const text of Object.values(hostile)) {
      for (const position of [[text], ["createdAt desc", text, text], ["createdAt desc", 0, text], { text }]) {
        const cursor = Buffer.from(JSON.stringify(position)).toString("base64url");
        const page = await db.getSessions({ cursor }).catch((error: unknown) => {
          assert.equal((error as { code?: unknown }).code, "INVALID_ARGUMENT");
          return { sessions: [] };
        });
        assert.ok(page.sessions.length <= 1);
      }
    }
    assert.deepStrictEqual(await dump(db), before);
  },
};
