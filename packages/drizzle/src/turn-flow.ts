import type { UpsertRunResult } from "@sessiondb/core";
import {
  admitted,
  bySessionId,
  checkRun,
  filledColumns,
  keptColumns,
  parseSource,
  runsToDelete,
  unmetCondition,
  withColumns,
  type RunWrite,
  type SessionChangeFunction,
  type SessionRow,
} from "@sessiondb/core/adapter";
import { Claims, type Claim } from "./claims.ts";
import { namingArguments } from "./refused-document.ts";
import { callOut } from "./retry.ts";
import type { RunFlows } from "./run-flows.ts";
import type { SessionReads } from "./session-reads.ts";
import type { AppendOutcome, SessionWrites } from "./session-writes.ts";
import type { SqlConnection } from "./sql-driver.ts";
import { noIndex, parseSession, type RawSession } from "./sql-parts.ts";
import type { StatementSets } from "./statement-sets.ts";
import type { Steps } from "./steps.ts";

/** The decision about a turn. */
interface Decision {
  /** Whether it depends on the contents of the session. */
  readonly isConditional: boolean;
  readonly unmet: Extract<UpsertRunResult, { stored: false }>["unmet"] | null;
  /** The ids of the runs that it deletes. */
  readonly deleted: readonly string[];
  /** The new place of the stored run, if runs before it are deleted and none stays behind it. */
  readonly movesTo: number | null;
  /** The places of the deleted runs, if others may stay behind them. */
  readonly gaps: readonly (number | null)[];
}

/** The turn, as steps in a transaction. */
export class TurnFlow {
  readonly #reads: SessionReads;
  readonly #writes: SessionWrites;
  readonly #runs: RunFlows;
  readonly #claims: Claims;
  /** The sessions table, for errors. */
  readonly #table: string;

  constructor(sets: StatementSets, runs: RunFlows) {
    this.#reads = sets.reads;
    this.#writes = sets.writes;
    this.#runs = runs;
    this.#claims = new Claims(sets);
    this.#table = sets.names.sessions;
  }

  /** Whether a turn may be stored without looking at the stored data. */
  appends(write: RunWrite): boolean {
    return isAppend(write) && this.#runs.areAllRows;
  }

  append(on: SqlConnection, { session, run }: RunWrite): Steps<AppendOutcome> {
    return namingArguments(this.#writes.appendRun(on, session, run), () => "run");
  }

  /** Writes a turn. `hasTried` says that an append was tried before and stored nothing. */
  *writeRun(on: SqlConnection, { write, hasTried }: { write: RunWrite; hasTried: boolean }): Steps<UpsertRunResult> {
    const { session, run, keptTimes } = write;
    if (this.appends(write) && !hasTried) {
      const outcome = yield* this.append(on, write);
      if (outcome === "stored") {
        return { stored: true, deletedRuns: 0 };
      }
      if (outcome === "run refused") {
        throw yield* this.#runs.refusal(on, run);
      }
    }
    const claims = claimsOf(write);
    // If no append found the session, it is most likely missing: insert it without looking.
    const isFirst = this.appends(write) && write.conditions === null;
    const found = new Map<string, RawSession>();
    const held = new Set<Claim>();
    for (const [index, claim] of (isFirst ? [] : claims).entries()) {
      let stored = yield* this.#reads.lockSession(on, claim.session.sessionId);
      // What is missing is created before any later session is locked, or two turns could wait for each other.
      if (stored === null && index < claims.length - 1) {
        stored = yield* this.#claims.hold(on, claim);
        if (stored === null) {
          held.add(claim);
        }
      }
      if (stored !== null) {
        found.set(claim.session.sessionId, stored);
      }
    }
    // Refusals of the turn's own session come first.
    const locked = new Map<string, SessionRow>();
    for (const each of [session, ...write.also.map((further) => further.session)]) {
      const stored = admitted(found.get(each.sessionId) ?? null, each);
      if (stored !== null) {
        locked.set(each.sessionId, parseSession(stored, this.#table, parseSource));
      }
    }
    let decision = yield* this.#decide(on, { write, sessionExists: locked.has(session.sessionId) });
    const claim = claims.find((each) => each.session === session) as Claim;
    if (decision.isConditional && decision.unmet === null && !locked.has(session.sessionId) && !held.has(claim)) {
      // A decision about a missing session must still hold: its first creator may give it runs.
      const { row, isNew } = yield* this.#claims.create(on, claim);
      locked.set(session.sessionId, row);
      if (isNew) {
        claims.splice(claims.indexOf(claim), 1);
      } else {
        decision = yield* this.#decide(on, { write, sessionExists: true });
      }
    }
    const { unmet, deleted, movesTo, gaps } = decision;
    if (unmet !== null) {
      yield* this.#writes.withdrawSessions(
        on,
        Array.from(held, (each) => each.session.sessionId),
      );
      return { stored: false, unmet };
    }
    for (const each of claims) {
      yield* held.has(each)
        ? this.#claims.complete(on, each)
        : this.#claims.claim(on, each, locked.get(each.session.sessionId) ?? null);
    }
    yield* this.#runs.deleteRuns(on, session.sessionId, deleted);
    yield* this.#runs.putRun(on, { run, keepsTime: keptTimes?.runs.has(run) ?? false });
    if (movesTo !== null) {
      yield* this.#runs.moveRun(on, run, movesTo);
    }
    if (gaps.length > 0) {
      yield* this.#runs.closeGaps(on, session.sessionId, gaps);
    }
    return { stored: true, deletedRuns: deleted.length };
  }

  /** Decides whether a turn is written and what it deletes, given its session's current state. */
  *#decide(on: SqlConnection, { write, sessionExists }: { write: RunWrite; sessionExists: boolean }): Steps<Decision> {
    const { run, conditions, deleteAfter, keepsLater } = write;
    if (conditions === null && deleteAfter === null) {
      return { isConditional: false, unmet: null, deleted: [], movesTo: null, gaps: [] };
    }
    const known = yield* this.#runs.turnRuns(on, write);
    checkRun(known.find(({ runId }) => runId === run.runId) ?? null, run);
    // A named run may be in another session, where it does not count.
    const runs = known.filter(({ sessionId }) => sessionId === run.sessionId);
    const state = { sessionExists, runs };
    const unmet = unmetCondition(write, state);
    if (unmet !== null) {
      return { isConditional: true, unmet, deleted: [], movesTo: null, gaps: [] };
    }
    const deleted = runsToDelete(write, state);
    const last = runs.findIndex(({ runId }) => runId === deleteAfter?.runId);
    const isBehind = runs.slice(last + 1).some(({ runId }) => runId === run.runId);
    const movesTo = deleted.length > 0 && isBehind && !keepsLater ? (runs[last]?.runIndex ?? noIndex) + 1 : null;
    const isDeleted = new Set(deleted);
    const gaps = keepsLater ? runs.filter(({ runId }) => isDeleted.has(runId)).map(({ runIndex }) => runIndex) : [];
    return { isConditional: true, unmet, deleted, movesTo, gaps };
  }
}

/** Whether a turn only puts a run into an existing session. */
export function isAppend({ change, conditions, deleteAfter, also, keptTimes }: RunWrite): boolean {
  const plain = conditions === null || (conditions.exists === "session" && !conditions.statuses && !conditions.newest);
  return plain && change === null && deleteAfter === null && also.length === 0 && keptTimes === null;
}

/** The sessions of a turn, in the order in which they are locked. */
function claimsOf({ session, change, also, keptTimes }: RunWrite): Claim[] {
  const turn: Claim = {
    session,
    names: { session: "session", change: change === null ? "session" : "change" },
    change: (row, stored) => ({ ...changedColumns(row, { session, stored, change }), ...keptColumns(keptTimes) }),
  };
  const further = also.map((each, index): Claim => ({
    session: each.session,
    names: {
      session: `also[${index}].session`,
      change: `also[${index}].${each.change === null ? "session" : "change"}`,
    },
    change: (row, stored) => changedColumns(row, { ...each, stored }),
  }));
  return [turn, ...further].toSorted(bySessionId);
}

/** The changed columns. What the stored session lacks is filled in before the caller's function sees it. */
function changedColumns(
  row: SessionRow,
  {
    session,
    stored,
    change,
  }: { session: SessionRow<string>; stored: SessionRow | null; change: SessionChangeFunction | null },
): Partial<SessionRow<string>> {
  const filled = stored === null ? {} : filledColumns(stored, session);
  return { ...filled, ...(change !== null && callOut(() => change(withColumns(row, filled)))) };
}
