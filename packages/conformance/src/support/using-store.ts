import type { SessionDb } from "@sessiondb/core";

/** Runs a check on its own store, and closes that in any case. */
export async function usingStore(
  open: () => SessionDb | Promise<SessionDb>,
  check: (db: SessionDb) => Promise<void>,
): Promise<void> {
  const db = await open();
  try {
    await check(db);
  } finally {
    await db.close();
  }
}

/** {@link usingStore} for two handles. */
export async function usingHandles(
  open: () => SessionDb | Promise<SessionDb>,
  check: (one: SessionDb, other: SessionDb) => Promise<void>,
): Promise<void> {
  await usingStore(open, (one) => usingStore(open, (other) => check(one, other)));
}
