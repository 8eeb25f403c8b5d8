import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { idsOf, listedIds, listedRunIds, run, session, untyped } from "../support/data.ts";
import { dump, plain, stored, storedRun } from "../support/dump.ts";
import { methods } from "../support/methods.ts";
import { refusesArgument } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

/** Pairs of ids that some database, collation or path would treat as one. */
const pairs: Readonly<Record<string, readonly [string, string]>> = {
  case: ["Conversation", "conversation"],
  "the case of an accented letter": ["ÉCOLE", "éCOLE"],
  "a trailing space": ["id", "id "],
  "a leading space": ["id", " id"],
  "a trailing tab": ["id", "id\t"],
  "a trailing line break": ["id", "id\n"],
  accents: ["cafe", "café"],
  "their normal form": ["caf\u00e9", "cafe\u0301"],
  emoji: ["chat 😀", "chat 😁"],
  "one 4-byte character": ["𝒳", "𝒴"],
  "sharp s": ["strasse", "straße"],
  "the dotless i": ["i", "ı"],
  "a ligature": ["ﬁle", "file"],
  "the width of letters": ["Ａ", "A"],
  "kana of two kinds": ["か", "カ"],
  "an invisible character": ["ab", "a\u200bb"],
  "a soft hyphen": ["ab", "a\u00adb"],
  "a control character": ["ab", "a\u0001b"],
  "a leading zero": ["1", "01"],
  "the notation of a number": ["1e3", "1000"],
  "a backslash": ["a\\b", "a\\\\b"],
  "a wildcard": ["a_b", "a%b"],
};

async function checkPair(db: SessionDb, [left, right]: readonly [string, string]): Promise<void> {
  for (const id of [left, right]) {
    const init = session(id, { userId: id, agentId: id, metadata: { id } });
    await db.upsertRun({ session: init, run: run(id, { agentId: id, content: id }) });
  }
  for (const id of [left, right]) {
    const read = await stored(db, id);
    assert.deepStrictEqual([read.sessionId, read.userId, read.agentId, read.metadata], [id, id, id, { id }]);
    assert.deepStrictEqual(
      read.runs.map(({ runId, content }) => [runId, content]),
      [[id, id]],
    );
    assert.equal((await db.getRun({ runId: id, userId: id }))?.content, id, "getRun of its user");
    assert.deepStrictEqual(await listedRunIds(db, { sessionId: id }), [id], "getRuns");
    for (const filter of [{ userId: id }, { componentId: id }, { participantId: id }]) {
      assert.deepStrictEqual(await listedIds(db, filter), [id], JSON.stringify(filter));
    }
  }
  assert.equal(await db.getSession({ sessionId: left, userId: right }), null, "the other id is another user");
  assert.equal(await db.deleteSession({ sessionId: left }), true);
  assert.deepStrictEqual((await dump(db)).runIds, [right], "only the one deleted is gone");
}

const brokenIds: Readonly<Record<string, unknown>> = {
  "the empty string": "",
  "an id with NUL": "a\0b",
  "an id with a lone surrogate": "a\ud800b",
  "a number": 7,
  null: null,
  undefined,
};

/** Methods that take an id of a session or a run. */
const subjects = Object.entries(methods).flatMap(([name, { idArgument, call }]) =>
  idArgument === null ? [] : [{ name, argument: idArgument, call }],
);

const refusals = Object.fromEntries(
  subjects.flatMap(({ name, ...subject }) =>
    Object.entries(brokenIds).map(([kind, id]) => [`${name} refuses ${kind}`, { ...subject, id }]),
  ),
);

export const idCases: Cases = {
  ...tableCases("ids that differ in %s", pairs, checkPair),
  ...tableCases("%s as an id", refusals, async (db, { argument, call, id }) => {
    await db.upsertRun({ session: session("s"), run: run("r") });
    await refusesArgument(db, argument, () => call(db, untyped({ sessionId: id, runId: id }), {}));
  }),

  "the longest ids of 4-byte characters": async (db) => {
    const id = "😀".repeat(db.limits.maxIdLength);
    const init = session(id, { userId: id, agentId: id, teamId: id, workflowId: id });
    const turn = run(id, { agentId: id, parentRunId: id });
    await db.upsertRun({ session: init, run: turn });
    const { sessionId, userId, agentId, teamId, workflowId } = plain(await stored(db, id));
    assert.deepStrictEqual([sessionId, userId, agentId, teamId, workflowId], [id, id, id, id, id]);
    const { runId, parentRunId, userId: author } = await storedRun(db, id);
    assert.deepStrictEqual([runId, parentRunId, author], [id, id, id]);
    const { sessions } = await db.getSessions({ userId: id, componentId: id, participantId: id });
    assert.deepStrictEqual(idsOf(sessions), [id]);
  },

  "ids that differ in the last character of the longest": async (db) => {
    const head = "a".repeat(db.limits.maxIdLength - 1);
    await checkPair(db, [`${head}1`, `${head}2`]);
  },

  "ids that are too long": async (db) => {
    const id = "a".repeat(db.limits.maxIdLength + 1);
    for (const { argument, call } of subjects) {
      await refusesArgument(db, argument, () => call(db, { sessionId: id, runId: id }, {}));
    }
    for (const name of ["userId", "agentId", "teamId", "workflowId"]) {
      await refusesArgument(db, name, () => db.upsertSession(session("s", { [name]: id })));
    }
    for (const name of ["runId", "userId", "agentId", "parentRunId"]) {
      await refusesArgument(db, name, () => db.upsertRun({ session: session("s"), run: run("r", { [name]: id }) }));
    }
    await refusesArgument(db, "componentId", () => db.getSessions({ componentId: id }));
    await refusesArgument(db, "participantId", () => db.getSessions({ participantId: id }));
  },

  "broken ids inside sessions and runs": async (db) => {
    for (const id of ["", "a\0b", "a\udc00b", 7]) {
      for (const name of ["userId", "agentId", "teamId", "workflowId"]) {
        await refusesArgument(db, name, () => db.upsertSession(session("s", { [name]: id })));
      }
      for (const name of ["runId", "userId", "agentId", "parentRunId"]) {
        await refusesArgument(db, name, () => db.upsertRun({ session: session("s"), run: run("r", { [name]: id }) }));
      }
    }
  },
};
