import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { outcomeOf, same, sameById, sameContent, settledDump, type Call } from "../support/compare.ts";
import { kindsOfWrites, storeContent } from "../support/kinds-of-writes.ts";
import { usingReference } from "../support/using-store.ts";
import { compareViews, universe } from "../support/views.ts";
import { tableCases } from "../support/table-cases.ts";

/** Makes the same write to the store and to the reference, and compares their answers and contents. */
async function comparedWithReference(db: SessionDb, name: string, write: Call): Promise<void> {
  await usingReference(async (reference) => {
    await storeContent(reference);
    const expected = await outcomeOf(reference, write);
    same(await outcomeOf(db, write), expected, `${name}: the call resulted in`);
    await sameById(db, reference, { sessionIds: universe.sessionIds, what: `after ${name}` });
    await sameContent(db, await settledDump(reference), `after ${name} the store holds`);
  });
}

export const indexCases: Cases = {
  "every list is right before anything else happens": async (db) => {
    await storeContent(db);
    await compareViews(db, "after upsertSessions");
  },
  ...tableCases("every list is right after %s", kindsOfWrites, async (db, write, name) => {
    await storeContent(db);
    await comparedWithReference(db, name, write);
    await compareViews(db, `after ${name}`);
  }),
};
