import assert from "node:assert/strict";
import type { JsonObject, SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { run, session } from "../support/data.ts";
import { stored, storedRun } from "../support/dump.ts";
import { assertNames, assertRefusal, errorOf } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

/** Texts, each with its stored form if databases cannot hold it. */
const texts: Readonly<Record<string, readonly [text: string, stored?: string]>> = {
  "the empty text": [""],
  "spaces at both ends": ["  spaces  "],
  "line breaks and tabs": ["line\nline\r\nline\ttab"],
  "control characters": ["\u0001\u0002\u0007\u0008\u000b\u000c\u001b\u001f\u007f\u0080\u009f"],
  "quotes and backslashes": [`'single' "double" \`back\` \\ \\\\ \\n \\u0000 \\u0041 \\' \\"`],
  accents: ["Ünïcödé façade ñandú"],
  "both normal forms": ["é e\u0301 Å A\u030A"],
  "Chinese, Arabic and Hindi": ["会话存储 جلسة सत्र"],
  "4-byte characters": ["😀 𝒳 𠜎 👩‍👩‍👧‍👦 🇺🇳"],
  "line separators U+2028 and U+2029": ["a\u2028b\u2029c\u0085d"],
  "invisible characters": ["\ufeffa\u200bb\u200dc\u202ed\u00ad"],
  noncharacters: ["\ufffe\uffff\ufdd0"],
  NUL: ["a\0b\0", "a\ufffdb\ufffd"],
  "a lone high surrogate": ["a\ud83dz", "a\ufffdz"],
  "a lone low surrogate": ["a\ude00z", "a\ufffdz"],
  "surrogates in the wrong order": ["\ude00\ud83d", "\ufffd\ufffd"],
  "NUL after a backslash": ["\\\0 \\u0000 \\\\\0", "\\\ufffd \\u0000 \\\\\ufffd"],
  "100 000 characters": ["0123456789".repeat(10_000)],
};

/** Some databases limit the keys of JSON to 65,535 bytes; texts have no such limit. */
const longestKey = 10_000;

async function checkContent(db: SessionDb, text: string, expected: string): Promise<void> {
  const [key, expectedKey] = [text.slice(0, longestKey), expected.slice(0, longestKey)];
  const init = session("s", {
    sessionData: { session_name: text, session_state: { [`key ${key}`]: text } },
    agentData: { name: text },
    metadata: { [key]: [text] },
    summary: { summary: text, topics: [text] },
  });
  const turn = run("r", {
    content: text,
    messages: [{ role: "user", content: text, id: "m" }],
    metadata: { [key]: text },
  });
  await db.upsertRun({ session: init, run: turn });
  const read = await stored(db, "s");
  assert.equal(read.sessionName, expected, "the name");
  assert.deepStrictEqual(read.sessionState, { [`key ${expectedKey}`]: expected }, "the state");
  assert.deepStrictEqual(read.agentData, { name: expected }, "the component's data");
  assert.deepStrictEqual(read.metadata, { [expectedKey]: [expected] }, "the metadata");
  assert.deepStrictEqual(read.summary, { summary: expected, topics: [expected] }, "the summary");
  const readRun = await storedRun(db, "r");
  assert.equal(readRun.content, expected, "a run's content");
  assert.deepStrictEqual(readRun.metadata, { [expectedKey]: expected }, "a run's metadata");
  const messages = readRun.runType === "workflow" ? null : readRun.messages;
  assert.equal(messages?.[0]?.content, expected, "a message's content");
  const renamed = await db.renameSession({ sessionId: "s", sessionName: `2 ${text}` });
  assert.equal(renamed?.sessionName, `2 ${expected}`, "the new name");
}

function nested(depth: number): JsonObject {
  return Array.from({ length: depth }).reduce<JsonObject>((inner) => ({ n: inner }), { end: true });
}

export const textCases: Cases = {
  ...tableCases("%s in every content", texts, (db, [text, expected = text]) => checkContent(db, text, expected)),

  "80 levels of nesting": async (db) => {
    const document = nested(80);
    await db.upsertRun({ session: session("s", { metadata: document }), run: run("r", { metadata: document }) });
    assert.deepStrictEqual((await stored(db, "s")).metadata, document);
    assert.deepStrictEqual((await storedRun(db, "r")).metadata, document);
  },

  "nesting without bounds is stored whole or refused": async (db) => {
    const document = nested(50_000);
    const error = await errorOf(db.upsertRun({ session: session("s"), run: run("r", { metadata: document }) }));
    if (error !== null) {
      assertRefusal(error, "INVALID_ARGUMENT");
      assertNames(error, "run");
      assert.equal(await db.getSession({ sessionId: "s" }), null, "nothing is half-written");
      return;
    }
    // Node's own comparison would overflow the stack.
    let level: unknown = (await storedRun(db, "r")).metadata;
    let depth = 0;
    while (typeof level === "object" && level !== null && "n" in level) {
      level = level.n;
      depth += 1;
    }
    assert.equal(depth, 50_000);
  },
};
