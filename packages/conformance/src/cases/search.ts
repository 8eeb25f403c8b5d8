import assert from "node:assert/strict";
import type { AgentRun, Run, SearchHit, SessionDb } from "@sessiondb/core";
import type { SearchSessionsOptions, UserScope } from "@sessiondb/core";
import type { Cases, OpenOutside } from "../conformance-case.ts";
import { run, runIdsOf, session, start } from "../support/data.ts";
import { tableCases } from "../support/table-cases.ts";
import { usingOpened } from "../support/using-store.ts";

const needle = "the blue teapot";
const data = `data:image/png;base64,${Buffer.from(needle).toString("base64")}`;

/** Where a run can have a text: how it is stored, and who said it; null for what nobody said. */
const places: Readonly<Record<string, readonly [fields: Partial<AgentRun>, role: SearchHit["role"] | null]>> = {
  "in the input": [{ input: { inputContent: needle } }, "user"],
  "in a part of the input": [{ input: { inputContent: [{ type: "text", text: needle }] } }, "user"],
  "in a structured input": [{ input: { inputContent: { wish: { item: needle } } } }, "user"],
  "in a user's message": [{ messages: [{ role: "user", content: `Buy ${needle}!` }] }, "user"],
  "in an assistant's message": [{ messages: [{ role: "assistant", content: needle }] }, "assistant"],
  "in a part of a message": [
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: data } },
            { type: "text", text: needle },
          ],
        },
      ],
    },
    "user",
  ],
  "in the output": [{ content: `It is ${needle}.` }, "assistant"],
  "in a structured output": [{ content: { answer: [needle] }, contentType: "Answer" }, "assistant"],
  "in the messages of a failed run": [{ status: "ERROR", messages: [{ role: "user", content: needle }] }, "user"],
  "in a tool's result": [{ messages: [{ role: "tool", content: needle }] }, null],
  "in a system message": [{ messages: [{ role: "system", content: needle }] }, null],
  "in the arguments of a tool call": [{ tools: [{ toolCallId: "t", toolArgs: { item: needle } }] }, null],
  "in reasoning": [{ reasoningContent: needle }, null],
  "in metadata": [{ metadata: { note: needle } }, null],
  "in a message from earlier": [{ messages: [{ role: "user", content: needle, fromHistory: true }] }, null],
  "in a member run": [{ parentRunId: "p", content: needle }, null],
  "in a replaced answer": [{ status: "REGENERATED", content: needle }, null],
  "in the type of a part": [{ messages: [{ role: "user", content: [{ type: needle, text: "no" }] }] }, null],
};

/** Texts that a database may fold, escape or take for a pattern, with what must be found by them. */
const texts: Readonly<Record<string, readonly [stored: string, found: readonly string[], absent: readonly string[]]>> =
  {
    "letters beyond ASCII, in any case": [
      "Ärger über Öl in ŁÓDŹ",
      ["ärger", "ÜBER", "łódź", "ÖL IN"],
      ["arger", "uber"],
    ],
    "an umlaut that is written as JSON escapes it": ["a \\u00e4 b", ["\\u00E4", "\\u00e4 B"], ["ä"]],
    "a dotted capital I": ["Der İstanbul-Plan", ["istanbul", "İSTANBUL", "ISTANBUL"], ["ıstanbul"]],
    "other scripts": ["ПРИВЕТ 日本語の旅 ΛΌΓΟΣ", ["привет", "日本語", "λόγος"], ["привит"]],
    "surrogate pairs": ["a 😀👍🏽 b", ["😀", "👍🏽", "A 😀"], ["😁"]],
    "a percent sign": ["100% sure", ["0% s", "%"], ["1%sure"]],
    "an underscore": ["snake_case", ["e_c"], ["snak_", "k__c"]],
    "quotes and backslashes": [`it's "C:\\new"\n`, [`it's`, `"c:\\N`, `"\n`], [`\\\\new`, `its`]],
    "NUL and lone surrogates": ["a\0b\ud800c", ["a\0B", "\ud800c", "\ufffdb"], ["ab"]],
  };

type Search = SearchSessionsOptions & UserScope;

async function found(db: SessionDb, options: Search): Promise<string[]> {
  return runIdsOf(await hitsOf(db, options));
}

async function hitsOf(db: SessionDb, options: Search): Promise<SearchHit[]> {
  return (await db.searchSessions(options)).hits;
}

/** Stores 7 sessions of Ada, with 0 to 6 runs each, every third of which has the text. Returns those, newest first. */
async function storeSeveral(db: SessionDb): Promise<{ hits: string[]; runs: number }> {
  const written = Array.from({ length: 7 }, (_, index) => ({
    sessionId: `s${index}`,
    runs: Array.from({ length: index }, (_each, place) =>
      run(`s${index} r${place}`, { content: (index + place) % 3 === 0 ? needle : "nothing" }),
    ),
  }));
  for (const [index, { sessionId, runs }] of written.entries()) {
    // Two sessions have the same time.
    const updatedAt = start + Math.floor(index / 2);
    await db.upsertSession(session(sessionId, { userId: "ada", runs, createdAt: start, updatedAt }), {
      keepTimes: true,
    });
  }
  const newest = written.toReversed().flatMap(({ runs }) => runs.toReversed());
  return { hits: runIdsOf(newest.filter(({ content }) => content === needle)), runs: newest.length };
}

export const searchCases: Cases = {
  ...tableCases("a text %s", places, async (db, [fields, role]) => {
    const said: Run = run("r", { content: null, messages: [], ...fields });
    await db.upsertSession(session("s", { userId: "ada", runs: [run("before"), said, run("after")] }));
    const hits = await hitsOf(db, { text: "Blue TEAPOT", userId: "ada" });
    assert.deepStrictEqual(
      hits.map((hit) => [hit.runId, hit.role, hit.excerpt.includes(needle)]),
      role === null ? [] : [["r", role, true]],
    );
  }),

  ...tableCases("a search for %s", texts, async (db, [stored, wanted, absent]) => {
    await db.upsertSession(session("s", { userId: "ada", runs: [run("r", { content: stored }), run("other")] }));
    for (const text of wanted) {
      assert.deepStrictEqual(await found(db, { text }), ["r"], JSON.stringify(text));
    }
    for (const text of absent) {
      assert.deepStrictEqual(await found(db, { text }), [], JSON.stringify(text));
    }
  }),

  "a hit says where and when it was said, and by whom": async (db) => {
    const sessionData = { session_name: "Tea" };
    const runs = [run("r", { userId: "guest", content: needle, createdAt: start + 5 })];
    await db.upsertSession(session("s", { userId: "ada", sessionData, runs }));
    assert.deepStrictEqual(await db.searchSessions({ text: needle, userId: "ada" }), {
      hits: [
        {
          sessionId: "s",
          sessionType: "agent",
          sessionName: "Tea",
          componentId: "agent",
          runId: "r",
          userId: "guest",
          createdAt: start + 5,
          role: "assistant",
          excerpt: needle,
        },
      ],
      runsSearched: 1,
      nextCursor: null,
      unreadable: [],
    });
  },

  "only the sessions that a user owns are searched": async (db) => {
    for (const [userId, sessionId] of [
      ["ada", "adas"],
      ["bob", "bobs"],
      [null, "nobodys"],
    ] as const) {
      await db.upsertSession(session(sessionId, { userId, runs: [run(`run of ${sessionId}`, { content: needle })] }));
    }
    const participant = run("ada at bob's", { userId: "ada", content: needle });
    await db.upsertRun({ session: session("bobs", { userId: "bob" }), run: participant });
    for (const [user, ids] of [
      ["ada", ["run of adas"]],
      ["bob", ["ada at bob's", "run of bobs"]],
      ["eve", []],
    ] as const) {
      const { hits, runsSearched } = await db.searchSessions({ text: needle, userId: user });
      assert.deepStrictEqual([runIdsOf(hits), runsSearched], [ids, ids.length], user);
      assert.deepStrictEqual(await db.forUser(user).searchSessions({ text: needle }), {
        ...(await db.searchSessions({ text: needle, userId: user })),
      });
    }
    assert.equal((await hitsOf(db, { text: needle })).length, 4, "without a user, those of everybody");
  },

  "a cursor leads into no session of another user or component": async (db) => {
    for (const [userId, sessionId, agentId] of [
      ["ada", "one", "a"],
      ["ada", "two", "b"],
      ["bob", "three", "a"],
    ] as const) {
      const runs = [1, 2, 3].map((place) => run(`${sessionId} ${place}`, { agentId, content: needle }));
      await db.upsertSession(session(sessionId, { userId, agentId, runs }));
    }
    const own = { text: needle, userId: "ada", sessionType: "agent", componentId: "a" } as const;
    for (const others of [{ userId: "bob" }, { userId: "ada", componentId: "b" }]) {
      const { nextCursor } = await db.searchSessions({ text: needle, limit: 1, ...others });
      assert.ok(nextCursor !== null);
      const reached = await found(db, { ...own, cursor: nextCursor });
      assert.deepStrictEqual(
        reached.filter((id) => !id.startsWith("one")),
        [],
      );
    }
    const { nextCursor } = await db.searchSessions({ ...own, limit: 1 });
    assert.ok(nextCursor !== null);
    assert.deepStrictEqual(await found(db, { ...own, excludeSessionId: "one", cursor: nextCursor }), []);
  },

  "conditions on the session hold together": async (db) => {
    const kinds = [
      [
        { sessionType: "agent", agentId: "x" },
        { runType: "agent", agentId: "x", runId: "agent x" },
      ],
      [
        { sessionType: "agent", agentId: "y" },
        { runType: "agent", agentId: "y", runId: "agent y" },
      ],
      [
        { sessionType: "team", agentId: null, teamId: "x" },
        { runType: "team", teamId: "x", runId: "team x" },
      ],
      [
        { sessionType: "workflow", agentId: null, workflowId: "x" },
        { runType: "workflow", workflowId: "x", runId: "workflow x" },
      ],
    ] as const;
    for (const [index, [kind, said]] of kinds.entries()) {
      await db.upsertSession(session(`s${index}`, { ...kind, userId: "ada", runs: [{ ...said, content: needle }] }));
    }
    const of = async (options: Partial<Search>) => (await found(db, { text: needle, ...options })).toSorted();
    assert.deepStrictEqual(await of({}), ["agent x", "agent y", "team x", "workflow x"]);
    assert.deepStrictEqual(await of({ sessionType: "agent" }), ["agent x", "agent y"]);
    assert.deepStrictEqual(await of({ componentId: "x" }), ["agent x", "team x", "workflow x"]);
    assert.deepStrictEqual(await of({ componentId: "x", sessionType: "team", userId: "ada" }), ["team x"]);
    assert.deepStrictEqual(await of({ sessionType: "agent", excludeSessionId: "s0" }), ["agent y"]);
  },

  "pages of every size make up the whole, newest first": async (db) => {
    const all = await storeSeveral(db);
    for (const limit of [1, 2, 3, 50]) {
      for (const maxRuns of [1, 2, 4, 500]) {
        const walked: string[] = [];
        let runsSearched = 0;
        let cursor: string | null = null;
        do {
          const page = await db.searchSessions({
            text: needle,
            userId: "ada",
            limit,
            maxRuns,
            ...(cursor !== null && { cursor }),
          });
          assert.ok(page.hits.length <= limit, `${page.hits.length} hits with the limit ${limit}`);
          assert.ok(page.runsSearched <= maxRuns, `${page.runsSearched} runs with the bound ${maxRuns}`);
          assert.notEqual(page.nextCursor, cursor ?? "", "a page leads back to itself");
          walked.push(...runIdsOf(page.hits));
          runsSearched += page.runsSearched;
          cursor = page.nextCursor;
        } while (cursor !== null);
        assert.deepStrictEqual(walked, all.hits, `limit ${limit}, maxRuns ${maxRuns}`);
        assert.equal(runsSearched, all.runs, "each run is looked at once");
      }
    }
  },

  "a search says where its bound was": async (db) => {
    const { runs } = await storeSeveral(db);
    const bounded = await db.searchSessions({ text: needle, maxRuns: 5 });
    assert.equal(bounded.runsSearched, 5);
    assert.notEqual(bounded.nextCursor, null);
    const whole = await db.searchSessions({ text: needle });
    assert.deepStrictEqual([whole.runsSearched, whole.nextCursor], [runs, null]);
  },

  "sessions without runs count towards the bound": async (db) => {
    const ids = Array.from({ length: 30 }, (_, index) => `empty ${index}`);
    await db.upsertSessions(
      ids.map((id) => session(id, { updatedAt: start + 1 })),
      { keepTimes: true },
    );
    await db.upsertSession(session("old", { runs: [run("r", { content: needle })], updatedAt: start }), {
      keepTimes: true,
    });
    const first = await db.searchSessions({ text: needle, maxRuns: 30 });
    assert.deepStrictEqual([first.hits, first.runsSearched], [[], 0]);
    assert.ok(first.nextCursor !== null);
    assert.deepStrictEqual(await found(db, { text: needle, maxRuns: 30, cursor: first.nextCursor }), ["r"]);
  },

  "after the run of a cursor was deleted, its session is searched anew": async (db) => {
    const runs = [1, 2, 3].map((place) => run(`r${place}`, { content: needle }));
    await db.upsertSession(session("s", { userId: "ada", runs }));
    const options = { text: needle, userId: "ada", limit: 2 };
    const { hits, nextCursor } = await db.searchSessions(options);
    assert.ok(nextCursor !== null);
    assert.deepStrictEqual(runIdsOf(hits), ["r3", "r2"]);
    await db.deleteRuns({ runIds: ["r2"] });
    assert.deepStrictEqual(await found(db, { ...options, cursor: nextCursor }), ["r3", "r1"]);
    await db.deleteSession({ sessionId: "s" });
    assert.deepStrictEqual(await found(db, { ...options, cursor: nextCursor }), []);
  },

  "an excerpt shows the text, within its bound, and cuts no character": async (db) => {
    for (const [index, filler] of ["word ", "😀", "İ\u0307", "e\u0301"].entries()) {
      const around = filler.repeat(1000);
      for (const [place, content] of [
        `${needle}${around}`,
        `${around}${needle}`,
        `${around}${needle}${around}`,
      ].entries()) {
        const id = `${index} ${place}`;
        await db.upsertSession(session(id, { userId: id, runs: [run(id, { content })] }));
        const [hit] = await hitsOf(db, { text: needle, userId: id });
        const excerpt = hit?.excerpt ?? "";
        assert.ok(excerpt.includes(needle), JSON.stringify(excerpt));
        assert.ok(excerpt.length <= 300 && excerpt.length >= 290, `an excerpt of ${excerpt.length} characters`);
        assert.doesNotMatch(excerpt, /\p{Surrogate}/u);
        assert.deepStrictEqual([excerpt.startsWith("…"), excerpt.endsWith("…")], [place > 0, place !== 1]);
      }
    }
  },

  "an image is not read as text": async (db) => {
    const image = Buffer.from("pixels".repeat(1000)).toString("base64");
    const content = [
      { type: "image_url", image_url: { url: `data:image/png;base64,${image}` } },
      { type: "image", data: image },
      `data:image/png;base64,${image}`,
    ];
    await db.upsertSession(
      session("s", { runs: [run("r", { messages: [{ role: "user", content }], content: "ok" })] }),
    );
    assert.deepStrictEqual(await found(db, { text: image.slice(100, 120) }), []);
  },
};

/** Writes every character beyond ASCII as Python does by default. */
function escaped(json: string): string {
  return json.replace(/[^\0-\u007f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export const searchOutsideCases: Cases<OpenOutside> = Object.fromEntries(
  Object.entries({ "with escapes": escaped, "without escapes": (json: string) => json }).map(([how, write]) => [
    `what another program wrote ${how} is found`,
    (openOutside: OpenOutside) =>
      usingOpened(openOutside, async ({ db, put }) => {
        await db.upsertSession(session("s", { userId: "ada", runs: [run("r"), run("other")] }));
        const messages = [{ role: "user", content: "Ärger über 日本語 😀 100%" }];
        await put(
          { runId: "r" },
          write(JSON.stringify({ run_id: "r", agent_id: "agent", status: "COMPLETED", messages })),
        );
        for (const text of ["ärger ÜBER", "日本", "😀", "0%"]) {
          const hits = await hitsOf(db, { text, userId: "ada" });
          assert.deepStrictEqual(
            hits.map(({ runId, excerpt }) => [runId, excerpt]),
            [["r", messages[0]?.content]],
            text,
          );
        }
        assert.deepStrictEqual(await found(db, { text: "u00", userId: "ada" }), []);
      }),
  ]),
);
