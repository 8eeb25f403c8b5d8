import assert from "node:assert/strict";
import { hasManagedSchema, SessionDbError, type SessionDb } from "@sessiondb/core";
import type { Cases, OpenNamed } from "../conformance-case.ts";
import { idsOf, run, session, store } from "../support/data.ts";
import { dump } from "../support/dump.ts";
import { leaveOut } from "../support/leave-out.ts";
import { assertRefusal, errorOf } from "../support/refusals.ts";
import { usingStore } from "../support/using-store.ts";
import { tableCases } from "../support/table-cases.ts";

/** Names that end a quoted name, or that some database reads differently. */
const hostileNames: Readonly<Record<string, string>> = {
  "a double quote": 'x" (a int); DROP TABLE plain; --',
  "a doubled quote": 'x"" y',
  "a single quote": "x'; DROP TABLE plain; --",
  "a backtick": "x`; DROP TABLE plain; --",
  "a bracket": "x]; DROP TABLE plain; --",
  "a semicolon": "plain; DELETE FROM plain",
  "a comment": "x /* -- */",
  "a dot": "plain.x",
  "a space": "my sessions",
  "a trailing space": "plain ",
  "a backslash": "x\\",
  "a percent sign": "x%s%",
  "a question mark": "x?$1:name",
  "a dollar sign": "x$y",
  "a line break": "x\ny",
  "other letters": "сессии_会话_ü",
  emoji: "sessions_😀",
  "a reserved word": "select",
  "upper case": "Plain",
  "a digit first": "1plain",
  "63 characters": "a".repeat(63),
  "64 characters": "b".repeat(64),
  "1000 characters": "c".repeat(1000),
  NUL: "x\0y",
  "a lone surrogate": "x\ud800",
};

/** Writes to a store and deletes from it. Returns the refusal of its table name, or null. */
async function useOrRefusal(db: SessionDb): Promise<string | null> {
  try {
    await db.upsertRun({ session: session("s"), run: run("r") });
  } catch (error) {
    return refusalOf(error);
  }
  assert.deepStrictEqual((await dump(db)).runIds, ["r"]);
  await assertSchema(db);
  assert.equal(await db.deleteSessions({ filter: { componentId: "agent" } }), 1);
  return null;
}

function refusalOf(error: unknown): string {
  assert.ok(SessionDbError.isInstance(error), `a table name is refused with a typed error, not ${String(error)}`);
  return error.code;
}

async function assertSchema(db: SessionDb): Promise<void> {
  if (hasManagedSchema(db)) {
    assert.deepStrictEqual(await db.verifySchema(), []);
  }
}

/** Opens a store and uses it. Returns the refusal of its table name, or null. */
async function openOrRefusal(open: () => SessionDb | Promise<SessionDb>): Promise<string | null> {
  let db: SessionDb;
  try {
    db = await open();
  } catch (error) {
    return refusalOf(error);
  }
  try {
    return await useOrRefusal(db);
  } finally {
    await db.close();
  }
}

export const namedTableCases: Cases<OpenNamed> = {
  ...tableCases(
    "%s in a table name works or is refused, and harms no other table",
    hostileNames,
    async (openNamed: OpenNamed, name) => {
      const open = await openNamed();
      await usingStore(
        () => open("plain"),
        async (plain) => {
          await plain.upsertSession(session("bystander", { runs: [run("bystander run")] }));
          const before = await dump(plain);
          const refusal = await openOrRefusal(() => open(name));
          assert.deepStrictEqual(await dump(plain), before);
          await assertSchema(plain);
          if (refusal !== null) {
            leaveOut(`the store refuses such a name with ${refusal}`);
          }
        },
      );
    },
  ),

  "stores with two table names are separate": async (openNamed) => {
    const open = await openNamed();
    await usingStore(
      () => open("first_sessions"),
      (first) =>
        usingStore(
          () => open("second_sessions"),
          async (second) => {
            await first.upsertSession(session("s", { userId: "first", runs: [run("r")] }));
            await second.upsertSession(session("s", { userId: "second", runs: [run("r"), run("r2")] }));
            assert.deepStrictEqual(idsOf((await first.getSessions({ userId: "first" })).sessions), ["s"]);
            assert.deepStrictEqual((await dump(first)).runIds, ["r"]);
            assert.deepStrictEqual((await dump(second)).runIds, ["r", "r2"]);
            await first.deleteSession({ sessionId: "s" });
            assert.deepStrictEqual((await dump(second)).runIds, ["r", "r2"]);
          },
        ),
    );
  },

  "an empty table name is refused": async (openNamed) => {
    const open = await openNamed();
    const error = await errorOf(
      usingStore(
        () => open(""),
        (db) => store(db, session("s")),
      ),
    );
    assertRefusal(error, "INVALID_ARGUMENT");
    const { argument } = error as { argument?: unknown };
    assert.ok(typeof argument === "string" && argument !== "", "the error names the option");
  },
};
