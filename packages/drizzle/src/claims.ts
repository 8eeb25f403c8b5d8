import { DatabaseError } from "@sessiondb/core";
import { admitted, parseSessionRow, parseSource, touched, withColumns, type SessionRow } from "@sessiondb/core/adapter";
import { namingArguments } from "./refused-document.ts";
import type { SqlConnection } from "./sql-driver.ts";
import { parseSession } from "./sql-parts.ts";
import type { StatementSets } from "./statement-sets.ts";
import type { Steps } from "./steps.ts";

/** How often a session that can neither be inserted nor locked is tried. */
export const mostClaims = 5;

/** A session that a write creates or changes, with what the write does to it. */
export interface Claim {
  readonly session: SessionRow<string>;
  /** The columns to store, given the row as stored, or as it is about to be created. */
  readonly change: (row: SessionRow, stored: SessionRow | null) => Partial<SessionRow<string>>;
  /** What the caller calls `session`, and what `change` is made of. */
  readonly names: { readonly session: string; readonly change: string };
}

/** Creates sessions, or locks and changes those that are there. */
export class Claims {
  readonly #sets: StatementSets;

  constructor(sets: StatementSets) {
    this.#sets = sets;
  }

  /**
   * Creates a session, or changes the stored one once it is clear that it may be written. `locked` is the stored session
   * where it is known and locked already. Resolves with the session as stored now.
   */
  *claim(on: SqlConnection, claim: Claim, locked: SessionRow | null = null): Steps<SessionRow> {
    const { row, isNew } = locked === null ? yield* this.create(on, claim) : { row: locked, isNew: false };
    if (isNew) {
      return row;
    }
    const columns = { ...touched(row, claim.session.userId), ...claim.change(row, row) };
    yield* namingArguments(this.#sets.writes.updateSession(on, row.sessionId, columns), () => claim.names.change);
    return withColumns(row, columns);
  }

  /** Creates a session; or locks the one that another process has created meanwhile, and changes nothing of it. */
  *create(on: SqlConnection, { session, change, names }: Claim): Steps<{ row: SessionRow; isNew: boolean }> {
    const { sessionId } = session;
    for (let tries = 0; tries < mostClaims; tries += 1) {
      const created = parseSessionRow(session);
      const columns = change(created, null);
      const insert = this.#sets.writes.insertSession(on, { ...session, ...columns });
      if (yield* namingArguments(insert, (column) => (column in columns ? names.change : names.session))) {
        return { row: withColumns(created, columns), isNew: true };
      }
      // Between a refused insert and the lock another process may delete the row: then it is inserted after all.
      const locked = admitted(yield* this.#sets.reads.lockSession(on, sessionId), session);
      if (locked !== null) {
        return { row: parseSession(locked, this.#sets.names.sessions, parseSource), isNew: false };
      }
      if (yield* this.#sets.reads.hasRuns(on, sessionId)) {
        throw new DatabaseError(
          `${this.#sets.names.runs} holds runs of session ${JSON.stringify(sessionId)}, which is not in ` +
            `${this.#sets.names.sessions}, or hidden by a row-level security policy: they may be another user's. Use another ` +
            "session id. If the session was deleted without them, restore its row or delete theirs, with SQL.",
        );
      }
    }
    throw new DatabaseError(
      `Session ${JSON.stringify(sessionId)} can neither be created nor read in ${this.#sets.names.sessions}. Look for ` +
        "a further unique key, a trigger, or row-level security that hides the row.",
    );
  }
}
