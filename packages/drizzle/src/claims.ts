import { DatabaseError } from "@sessiondb/core";
import { admitted, parseSessionRow, parseSource, touched, withColumns, type SessionRow } from "@sessiondb/core/adapter";
import { namingArguments } from "./refused-document.ts";
import type { SqlConnection } from "./sql-driver.ts";
import { parseSession, type RawSession } from "./sql-parts.ts";
import type { StatementSets } from "./statement-sets.ts";
import type { Steps } from "./steps.ts";

/** A session that a write creates or changes, and the change. */
export interface Claim {
  readonly session: SessionRow<string>;
  /** Returns the columns to store, given the row as stored or as it is about to be created. */
  readonly change: (row: SessionRow, stored: SessionRow | null) => Partial<SessionRow<string>>;
  /** The caller's names for `session` and for the source of `change`. */
  readonly names: { readonly session: string; readonly change: string };
}

/** Creates sessions, or locks and changes existing ones. */
export class Claims {
  readonly #sets: StatementSets;

  constructor(sets: StatementSets) {
    this.#sets = sets;
  }

  /**
   * Creates a session, or changes the stored one once it may be written. `locked` is the stored session if it is
   * already known and locked. Resolves with the session as now stored.
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

  /** Creates a session, or locks the one that another process has created meanwhile and leaves it unchanged. */
  *create(on: SqlConnection, { session, change, names }: Claim): Steps<{ row: SessionRow; isNew: boolean }> {
    const created = parseSessionRow(session);
    const columns = change(created, null);
    const insert = namingArguments(this.#insert(on, { ...session, ...columns }), (column) =>
      column in columns ? names.change : names.session,
    );
    const locked = admitted(yield* insert, session);
    return locked === null
      ? { row: withColumns(created, columns), isNew: true }
      : { row: parseSession(locked, this.#sets.names.sessions, parseSource), isNew: false };
  }

  /** Inserts a session before its change is known, and so locks it. Null, or the session created meanwhile, locked. */
  hold(on: SqlConnection, { session, names }: Claim): Steps<RawSession | null> {
    return namingArguments(this.#insert(on, session), () => names.session);
  }

  /** Changes a session that `hold` has inserted, as if it were created only now. */
  *complete(on: SqlConnection, { session, change, names }: Claim): Steps<void> {
    const columns = change(parseSessionRow(session), null);
    if (Object.keys(columns).length > 0) {
      yield* namingArguments(this.#sets.writes.updateSession(on, session.sessionId, columns), () => names.change);
    }
  }

  /** Inserts a session. Returns null, or the session that another process has created meanwhile, locked. */
  *#insert(on: SqlConnection, session: SessionRow<string>): Steps<RawSession | null> {
    const { sessionId } = session;
    if (yield* this.#sets.writes.insertSession(on, session)) {
      return null;
    }
    const locked = yield* this.#sets.reads.lockSession(on, sessionId);
    if (locked !== null) {
      return locked;
    }
    const { names } = this.#sets;
    const id = JSON.stringify(sessionId);
    throw new DatabaseError(
      (yield* this.#sets.reads.hasOrphans(on, sessionId))
        ? `${names.runs} holds runs of session ${id}, but its row in ${names.sessions} is missing or hidden by a ` +
            "row-level security policy: the runs may be another user's. Use another session id. If the session was " +
            "deleted without its runs, restore its row or delete the runs with SQL."
        : `Session ${id} can neither be created nor read in ${names.sessions}. Look for an additional unique key, a ` +
            "trigger, or a row-level security policy that hides the row.",
    );
  }
}
