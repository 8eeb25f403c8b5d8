import assert from "node:assert/strict";
import { hasManagedSchema, type SessionDb } from "@sessiondb/core";
import type { Cases, OpenShared } from "../conformance-case.ts";
import { idsOf, listedIds, run, session } from "../support/data.ts";
import { dump } from "../support/dump.ts";
import { leaveOut } from "../support/leave-out.ts";
import { usingHandles, usingStore } from "../support/using-store.ts";
import { concurrencyCases } from "./concurrency.ts";
import { tableCases } from "../support/table-cases.ts";

export const sharedCases: Cases<OpenShared> = {
  ...tableCases("%s", concurrencyCases, async (openShared: OpenShared, check) =>
    usingHandles(await openShared(), check),
  ),

  "one handle reads what the other writes": async (openShared) => {
    await usingHandles(await openShared(), async (one, other) => {
      await one.upsertRun({ session: session("s", { userId: "owner" }), run: run("a") });
      await other.upsertRun({ session: session("s", { userId: "owner" }), run: run("b") });
      assert.deepStrictEqual(await dump(one), await dump(other));
      assert.deepStrictEqual((await dump(one)).runIds, ["a", "b"]);
      await one.deleteSession({ sessionId: "s" });
      assert.equal(await other.getSession({ sessionId: "s" }), null);
    });
  },

  "written content outlives the close": async (openShared) => {
    const open = await openShared();
    let written: unknown;
    await usingStore(open, async (db) => {
      await db.upsertSession(session("s", { userId: "owner", runs: [run("a"), run("b")] }));
      await db.upsertRun({
        session: session("s", { userId: "owner" }),
        run: run("c"),
        change: { sessionName: "kept" },
      });
      written = await dump(db);
    });
    await usingStore(open, async (db) => assert.deepStrictEqual(await dump(db), written));
  },

  "closing does not lose calls under way": async (openShared) => {
    const open = await openShared();
    let writes: Promise<unknown> = Promise.resolve();
    await usingStore(open, async (db) => {
      const turn = (index: number) => ({ session: session("s"), run: run(`r${index}`) });
      writes = Promise.all(Array.from({ length: 10 }, (_, index) => db.upsertRun(turn(index))));
    });
    await writes;
    await usingStore(open, async (db) => assert.equal((await dump(db)).runIds.length, 10));
  },

  "closing one leaves the other open": async (openShared) => {
    await usingHandles(await openShared(), async (one, other) => {
      await one.upsertSession(session("s"));
      await one.close();
      assert.deepStrictEqual(await listedIds(other), ["s"]);
    });
  },

  "many handles may start at once": async (openShared) => {
    const open = await openShared();
    const handles = await Promise.all(Array.from({ length: 6 }, async (): Promise<SessionDb> => open()));
    try {
      await Promise.all(handles.map((db, index) => db.upsertRun({ session: session("s"), run: run(`r${index}`) })));
      assert.equal((await dump(handles[0] ?? assert.fail())).runIds.length, 6);
    } finally {
      await Promise.all(handles.map((db) => db.close()));
    }
  },

  "a cursor from one handle is valid for the other": async (openShared) => {
    await usingHandles(await openShared(), async (one, other) => {
      await one.upsertSessions(["a", "b", "c"].map((sessionId) => session(sessionId)));
      const { nextCursor } = await one.getSessions({ limit: 1 });
      const { sessions } = await other.getSessions({ limit: 1, cursor: nextCursor ?? assert.fail("no cursor") });
      assert.deepStrictEqual(idsOf(sessions), ["b"]);
    });
  },

  "a second handle finds nothing to migrate": async (openShared) => {
    await usingHandles(await openShared(), async (one, other) => {
      if (!hasManagedSchema(one) || !hasManagedSchema(other)) {
        leaveOut("the store does not implement ManagedSchema");
      }
      await one.migrate();
      assert.deepStrictEqual([await other.planMigration(), await other.verifySchema()], [[], []]);
    });
  },
};
