import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { idsOf, listedIds, session } from "../support/data.ts";
import { tableCases } from "../support/table-cases.ts";

// Leaves out the capital I with a dot and the final sigma, whose lower case in JavaScript depends on their neighbours.
const names = [
  ["100% sure", "100 sure", "1000 pleasures", "a_b", "axb", "A_B_C", "it's", `say "hi"`, "`code`", "back\\slash"],
  ["\\%", "\\_", "%", "_", "[a-z]", "a*b?", "^a.b$", "x'; DROP TABLE agno_sessions; --", "two  spaces", " padded "],
  ["Ärger über Öl", "äRGER", "Straße", "ÉCOLE", "école", "ecole", "ПРИВЕТ мир", "ΑΒΓ", "Łódź", "日本語の旅"],
  ["Trip 😀 two", "line\nbreak", "tab\there", "null", "agno", "session_name", "Ａ"],
].flat();

const searches = [
  names,
  ["%%", "100%", "0_s", "_b", "a%b", "\\", "'", '"', "''", "\\\\", "[", "*", ".", "sure", "SURE", "ärger", "ÄRGER"],
  ["STRAß", "ÉCO", "éco", "привет", "αβ", "łÓ", "日本", "😀", "\n", "  ", " ", "DROP", "Ａ", "ａ", "k", "none at all"],
].flat();

async function storeNames(db: SessionDb): Promise<void> {
  const state = { needle: "sure trip %" };
  await db.upsertSessions([
    ...names.map((name, index) => session(`${index}`, { sessionData: { session_name: name, session_state: state } })),
    session("nameless", { sessionData: { session_state: state }, metadata: { session_name: "sure" } }),
    session("empty", { sessionData: { session_name: "" } }),
  ]);
}

async function found(db: SessionDb, sessionName: string): Promise<string[]> {
  const { sessions } = await db.getSessions({ sessionName, limit: 100 });
  return sessions.map((each) => each.sessionName ?? "(no name)").toSorted();
}

function expected(search: string): string[] {
  return names.filter((name) => name.toLowerCase().includes(search.toLowerCase())).toSorted();
}

const groups: Readonly<Record<string, (search: string) => boolean>> = {
  "a percent sign is not a wildcard": (search) => search.includes("%"),
  "an underscore is not a wildcard": (search) => search.includes("_"),
  "quotes and backslashes": (search) => /['"`\\]/.test(search),
  "characters of other patterns": (search) => /[[\]*?^$.]/.test(search),
  "upper and lower case beyond ASCII": (search) => /[^\0-\u007f]/.test(search),
  "plain words": (search) => /^[\w\s]+$/.test(search),
};

/** Returns texts that together contain every letter with a lower case. */
function casedTexts(): string[] {
  const all = Array.from({ length: 0x1f000 }, (_, codePoint) => String.fromCodePoint(codePoint)).join("");
  const letters = all.match(/\p{Changes_When_Lowercased}/gu) ?? [];
  return Array.from({ length: Math.ceil(letters.length / 40) }, (_, index) =>
    letters.slice(index * 40, (index + 1) * 40).join(" "),
  );
}

export const nameSearchCases: Cases = {
  ...tableCases("%s", groups, async (db, belongs) => {
    await storeNames(db);
    for (const search of searches.filter(belongs)) {
      assert.deepStrictEqual(await found(db, search), expected(search), JSON.stringify(search));
    }
  }),

  "every letter with a lower case is found by it and by itself": async (db) => {
    const texts = casedTexts();
    await db.upsertSessions([
      ...texts.map((name, index) => session(`capital ${index}`, { sessionData: { session_name: name } })),
      ...texts.map((name, index) => session(`small ${index}`, { sessionData: { session_name: name.toLowerCase() } })),
    ]);
    for (const [index, text] of texts.entries()) {
      for (const search of [text, text.toLowerCase()]) {
        const { sessions } = await db.getSessions({ sessionName: search });
        assert.deepStrictEqual(idsOf(sessions).toSorted(), [`capital ${index}`, `small ${index}`], search);
      }
    }
  },

  "a letter is found whatever its neighbours": async (db) => {
    const turkish = ["İstanbul gezisi", "i\u0307stanbul", "ISTANBUL", "DİKİLİ"];
    const greek = ["ΟΔΟΣ ΕΡΜΟΥ", "ΟΔΟΣΑ", "οδος", "οδοσ"];
    await db.upsertSessions(
      [...turkish, ...greek, "ıstanbul", "\u0307"].map((name, index) =>
        session(`${index}`, { sessionData: { session_name: name } }),
      ),
    );
    const istanbul = turkish.slice(0, 3).toSorted();
    for (const search of ["İstanbul", "istanbul", "İSTANBUL", "i\u0307stanbul", "İstanbul".toLowerCase()]) {
      assert.deepStrictEqual(await found(db, search), istanbul, search);
    }
    assert.deepStrictEqual(await found(db, "dikili"), ["DİKİLİ"]);
    assert.deepStrictEqual(await found(db, "\u0307"), ["\u0307"]);
    for (const search of ["ΟΔΟΣ", "οδος", "οδοσ", "ΟΔΟσ"]) {
      assert.deepStrictEqual(await found(db, search), greek.toSorted(), search);
    }
    assert.equal(await db.deleteSessions({ filter: { sessionName: "ΟΔΟΣ ΕΡΜΟΥ" } }), 1);
    assert.equal(await db.deleteSessions({ filter: { sessionName: "İstanbul gezisi" } }), 1);
  },

  "a part in the middle, whatever else the session holds": async (db) => {
    await db.upsertSessions([
      session("found", { sessionData: { before: "x", session_name: "one needle here", after: "x" } }),
      session("not", {
        sessionData: { session_name: "hay", session_state: { session_name: "needle" }, note: "needle" },
      }),
      session("needle", { metadata: { session_name: "needle" }, sessionData: {} }),
    ]);
    assert.deepStrictEqual(await listedIds(db, { sessionName: "needle" }), ["found"]);
  },

  "a name that is not text does not count": async (db) => {
    await db.upsertSessions([
      session("a", { sessionData: { session_name: 100 } }),
      session("b", { sessionData: { session_name: { text: "100" } } }),
      session("c", { sessionData: { session_name: null } }),
    ]);
    assert.deepStrictEqual(await listedIds(db, { sessionName: "100" }), []);
    assert.deepStrictEqual(await listedIds(db, { sessionName: "null" }), []);
  },

  "NUL and lone surrogates find what was stored from the same text": async (db) => {
    const texts = ["a\0b", "a\ud83dz", "a\ude00z", "\ude00\ud83d", "\0"];
    for (const text of texts) {
      await db.deleteSessions({ sessionIds: ["s", "renamed", "other"] });
      await db.upsertSessions([
        session("s", { sessionData: { session_name: text } }),
        session("other", { sessionData: { session_name: "ab az" } }),
      ]);
      await db.upsertSession(session("renamed", { sessionData: { session_name: "before" } }));
      await db.renameSession({ sessionId: "renamed", sessionName: `renamed ${text}` });
      const { sessions } = await db.getSessions({ sessionName: text, sortOrder: "asc" });
      assert.deepStrictEqual(idsOf(sessions), ["renamed", "s"], JSON.stringify(text));
      assert.equal(await db.deleteSessions({ filter: { sessionName: text } }), 2, JSON.stringify(text));
    }
  },

  "the new name is found after a rename": async (db) => {
    await db.upsertSession(session("s", { sessionData: { session_name: "before" } }));
    await db.renameSession({ sessionId: "s", sessionName: "ÄFTER" });
    assert.deepStrictEqual(await found(db, "before"), []);
    assert.deepStrictEqual(await found(db, "äft"), ["ÄFTER"]);
  },
};
