import assert from "node:assert/strict";
import type { PayloadTooLargeError, SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { run, secret, session } from "../support/data.ts";
import { stored, storedRun } from "../support/dump.ts";
import { leaveOut } from "../support/leave-out.ts";
import { assertNames, refuses } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

const megabyte = 1024 * 1024;
/** Filling a larger limit would take more memory than a test should. */
const largestTested = 64 * megabyte;

/** Returns text of that many bytes, most of which belong to characters beyond ASCII. */
function textOf(bytes: number): string {
  return `${secret} ${"é 😀x".repeat(Math.floor((bytes - secret.length - 1) / 8))}`.padEnd(bytes / 2, ".");
}

type Write = (db: SessionDb, text: string) => Promise<unknown>;

const writes: Readonly<Record<string, readonly [argument: string, write: Write]>> = {
  "a run": ["run", (db, text) => db.upsertRun({ session: session("new"), run: run("new run", { content: text }) })],
  "a run of a session": [
    "runs",
    (db, text) => db.upsertSession({ ...session("new"), runs: [run("big", { content: text })] }),
  ],
  "a session's state": [
    "sessionData",
    (db, text) => db.upsertSession(session("new", { sessionData: { session_state: { text } } })),
  ],
  "a session's metadata": ["metadata", (db, text) => db.upsertSession(session("new", { metadata: { text } }))],
  "the last of many sessions": [
    "metadata",
    (db, text) => db.upsertSessions([session("new"), session("newer", { metadata: { text } })]),
  ],
  "a changed state": ["change", (db, text) => db.updateSession({ sessionId: "s" }, { sessionState: { text } })],
  "a changed summary": [
    "change",
    (db, text) => db.updateSession({ sessionId: "s" }, () => ({ summary: { summary: text } })),
  ],
  "a change within a turn": [
    "change",
    (db, text) => db.upsertRun({ session: session("s"), run: run("new run"), change: () => ({ metadata: { text } }) }),
  ],
  "a changed run": ["change", (db, text) => db.updateRun({ runId: "r" }, (current) => ({ ...current, content: text }))],
  "a further session of a turn": [
    "also",
    (db, text) => {
      const also = [{ session: session("further", { metadata: { text } }), change: {} }];
      return db.upsertRun({ session: session("s"), run: run("new run"), also });
    },
  ],
  "a change of a further session": [
    "also",
    (db, text) => {
      const also = [{ session: session("further"), change: () => ({ metadata: { text } }) }];
      return db.upsertRun({ session: session("s"), run: run("new run"), also });
    },
  ],
  "a name": ["change", (db, text) => db.renameSession({ sessionId: "s", sessionName: text })],
};

export const payloadCases: Cases = {
  ...tableCases("%s over the limit is refused", writes, async (db, [argument, write]) => {
    const { maxPayloadBytes } = db.limits;
    if (maxPayloadBytes > largestTested) {
      leaveOut("the store's limits.maxPayloadBytes is above 64 MiB, more than a test should fill");
    }
    await db.upsertRun({ session: session("s"), run: run("r") });
    const text = textOf(maxPayloadBytes + 1);
    const error = (await refuses(db, "PAYLOAD_TOO_LARGE", () => write(db, text))) as PayloadTooLargeError;
    assertNames(error, argument);
    assert.equal(error.limit, maxPayloadBytes);
    assert.ok(error.size > maxPayloadBytes, "the error says how large it is");
  }),

  "a run of 10 MB": async (db) => {
    // The JSON around the text takes less than a kilobyte.
    const text = textOf(Math.min(10 * megabyte, db.limits.maxPayloadBytes - 1024));
    await db.upsertRun({ session: session("s"), run: run("big", { content: text }) });
    await db.upsertRun({ session: session("s"), run: run("small") });
    assert.ok((await storedRun(db, "big")).content === text, "read with getRun");
    const { runs } = await stored(db, "s");
    assert.ok(runs[0]?.content === text, "read with its session");
    assert.equal(runs[1]?.runId, "small");
  },

  "a run of exactly the limit": async (db) => {
    const { maxPayloadBytes } = db.limits;
    if (maxPayloadBytes > 16 * megabyte) {
      leaveOut("the store's limits.maxPayloadBytes is above 16 MiB, more than this case should fill several times");
    }
    const write = (length: number) =>
      db.upsertRun({ session: session("s"), run: run("r", { content: "x".repeat(length) }) });
    const error = (await refuses(db, "PAYLOAD_TOO_LARGE", () => write(maxPayloadBytes))) as PayloadTooLargeError;
    const fits = maxPayloadBytes - (error.size - error.limit);
    const over = (await refuses(db, "PAYLOAD_TOO_LARGE", () => write(fits + 1))) as PayloadTooLargeError;
    assert.equal(over.size, maxPayloadBytes + 1, "one byte over the limit");
    await write(fits);
    assert.ok((await storedRun(db, "r")).content === "x".repeat(fits));
  },

  "a session that grows by many large runs": async (db) => {
    const size = Math.min(megabyte, Math.floor(db.limits.maxPayloadBytes / 4));
    const text = "x".repeat(size);
    for (let index = 0; index < 8; index += 1) {
      await db.upsertRun({ session: session("s"), run: run(`r${index}`, { content: text }) });
    }
    const { runs } = await stored(db, "s");
    assert.equal(runs.length, 8);
    assert.ok(runs.every(({ content }) => content === text));
  },
};
