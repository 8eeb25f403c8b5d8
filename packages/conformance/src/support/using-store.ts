import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";

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

/** {@link usingStore} for the reference, an empty store in memory. */
export async function usingReference(check: (reference: SessionDb) => Promise<void>): Promise<void> {
  await usingStore(() => new InMemorySessionDb(), check);
}

/** {@link usingStore} for a store that comes with further functions. */
export async function usingOpened<Opened extends { readonly db: SessionDb }>(
  open: () => Opened | Promise<Opened>,
  check: (opened: Opened) => Promise<void>,
): Promise<void> {
  const opened = await open();
  await usingStore(
    () => opened.db,
    () => check(opened),
  );
}

/** {@link usingStore} for two handles. */
export async function usingHandles(
  open: () => SessionDb | Promise<SessionDb>,
  check: (one: SessionDb, other: SessionDb) => Promise<void>,
): Promise<void> {
  await usingStore(open, (one) => usingStore(open, (other) => check(one, other)));
}
