import assert from "node:assert/strict";
import { untyped } from "./data.ts";
import { mistakesOf, type Mistake } from "./mistake.ts";
import { notACount, notAFlag, notAnId, notAType, notStatuses } from "./wrong-values.ts";

export const readMistakes: Readonly<Record<string, Mistake>> = {
  ...mistakesOf("getSession's", (db, options) => db.getSession({ sessionId: "s", ...options }), {
    sessionType: notAType,
    runsLimit: [0, ...notACount],
    includeRuns: notAFlag,
  }),
  "getSession's runsLimit without runs": {
    argument: "runsLimit",
    values: [1, 5],
    call: (db, value) => db.getSession({ sessionId: "s", includeRuns: untyped(false), runsLimit: untyped(value) }),
  },
  "a list's runsLimit": {
    argument: "runsLimit",
    values: [0, ...notACount],
    call: (db, value) => db.getSessions({ includeRuns: true, runsLimit: untyped(value) }),
  },
  ...mistakesOf("getSessions'", (db, options) => db.getSessions(options), {
    sessionType: notAType,
    participantId: notAnId,
    componentId: notAnId,
    sessionName: [1, {}, []],
    sortBy: ["created_at", "createdAt; --", 1, null],
    sortOrder: ["ASC", "asc; --", 1, null],
    limit: notACount,
    page: [0, ...notACount],
    includeRuns: notAFlag,
    includeTotal: notAFlag,
    includeRunCount: notAFlag,
    // Without includeRuns: true no run is read, so there is nothing to limit.
    runsLimit: [1, 5, 0, ...notACount],
    runStatus: notStatuses,
    onUnreadable: ["ignore", true, null],
    startTimestamp: [undefined],
    endTimestamp: [undefined],
    order: ["asc"],
    status: ["PAUSED"],
    cursor: ["", "nonsense", 1, {}, Buffer.from("[]").toString("base64url"), Buffer.from("{").toString("base64url")],
  }),
  ...mistakesOf("getRuns'", (db, options) => db.getRuns(options), {
    sessionId: notAnId,
    participantId: notAnId,
    componentId: [...notAnId, null, undefined],
    status: notStatuses,
    parentRunId: [...notAnId, undefined],
    onUnreadable: ["ignore", true, null],
    startTimestamp: [undefined],
    endTimestamp: [undefined],
    order: ["asc"],
    runStatus: ["PAUSED"],
    sortOrder: ["ASC", "asc; --", 1, null],
    limit: notACount,
    cursor: ["", "nonsense", 1, {}],
  }),
  ...mistakesOf("searchSessions'", (db, options) => db.searchSessions({ text: "question", ...options }), {
    text: [undefined, null, 1, {}, [], "", " ", "\n\t", "x".repeat(201), "x".repeat(2 ** 20)],
    sessionType: [...notAType, undefined],
    componentId: [...notAnId, null, undefined],
    excludeSessionId: [...notAnId, null, undefined],
    limit: [0, ...notACount],
    maxRuns: [0, 10_001, ...notACount],
    onUnreadable: ["ignore", true, null],
    sortOrder: ["asc"],
    page: [1],
    cursor: ["", "nonsense", 1, {}, Buffer.from("[]").toString("base64url"), Buffer.from("{").toString("base64url")],
  }),
  "a page together with a cursor": {
    argument: "page",
    values: [1, 2],
    call: async (db, value) => {
      const { nextCursor } = await db.getSessions({ limit: 1 });
      return db.getSessions({ limit: 1, page: untyped(value), cursor: nextCursor ?? assert.fail("no cursor") });
    },
  },
};
