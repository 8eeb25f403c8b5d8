import type { Cases, OpenShared } from "../conformance-case.ts";
import { increment } from "../support/at-once.ts";
import { outcomeOf, same, sameById, sameContent, settledDump, type Call } from "../support/compare.ts";
import { run, session } from "../support/data.ts";
import { kindsOfWrites, storeContent } from "../support/kinds-of-writes.ts";
import { tableCases } from "../support/table-cases.ts";
import { usingHandles, usingReference } from "../support/using-store.ts";
import { compareViews, universe } from "../support/views.ts";

// What a handle caches of its reads must not outlive the writes of another.

async function checkCaches(openShared: OpenShared, write: Call, name: string): Promise<void> {
  await usingHandles(await openShared(), (one, other) =>
    usingReference(async (reference) => {
      await storeContent(reference);
      await storeContent(one);
      // Both have read everything, so whatever they cache is current.
      await compareViews(other, "before the write", 0);
      await compareViews(one, "before the write", 0);
      const expected = await outcomeOf(reference, write);
      same(await outcomeOf(other, write), expected, `${name}: the call resulted in`);
      const held = await settledDump(reference);
      const seen = `after ${name} by another handle`;
      await sameById(one, reference, { sessionIds: universe.sessionIds, what: seen });
      await sameContent(one, held, `after ${name} by another handle this one reads`);
      await sameContent(other, held, `after ${name} by this handle it reads`);
      await compareViews(one, `after ${name} by another handle`, 0);
      // A write based on what a handle caches would undo what others wrote.
      const turn: Call = (db) =>
        db.upsertRun({
          session: session("e", { userId: "bob" }),
          run: run("f2"),
          change: { sessionName: "a trip" },
          also: ["a", "b", "c", "d"].map((sessionId) => ({
            session: session(sessionId, {
              userId: owners[sessionId] ?? null,
              sessionType: sessionId === "c" ? "team" : "agent",
            }),
            change: increment,
          })),
        });
      const next = await outcomeOf(reference, turn);
      same(await outcomeOf(one, turn), next, `a turn after ${name} by another handle resulted in`);
      const after = await settledDump(reference);
      await sameContent(other, after, `a turn after ${name} by another handle left`);
    }),
  );
}

const owners: Readonly<Record<string, string>> = { a: "alice", c: "bob", d: "alice" };

export const cacheCases: Cases<OpenShared> = tableCases("a handle sees %s by another", kindsOfWrites, checkCaches);
