import { InvalidArgumentError, type Run, type Session, type SessionDb } from "@sessiondb/core";
import { untilAborted } from "@sessiondb/core/adapter";
import { admit, isRefusal } from "./admission.ts";
import type { ComponentSettings } from "./component-options.ts";
import { readHistory } from "./history-runs.ts";
import { findReplaced, type ReplacedRun } from "./replaced-run.ts";
import type { RunSettings } from "./run-options.ts";
import type { WritingComponent } from "./turn-writer.ts";

/** The part of a component that a turn uses. */
export interface TurnComponent extends WritingComponent {
  readonly keepsSessions: boolean;
  getDb(): Promise<SessionDb>;
}

export interface TurnOptions {
  readonly component: TurnComponent;
  readonly settings: ComponentSettings;
  readonly options: RunSettings;
  /** The number of the session's newest runs to show. */
  readonly runsLimit: number;
}

/** The result of opening a turn. */
export interface Found {
  readonly sessionId: string;
  readonly userId: string | null;
  readonly db: SessionDb | null;
  readonly session: Session | null;
  /** The runs as they were read, before any are left out; those before the replaced one, if there is one. */
  readonly read: readonly Run[];
  /** Whether these are all runs of the session. */
  readonly isWhole: boolean;
  /** The run that the turn replaces; null for a turn that goes on from the last one. */
  readonly replaced: ReplacedRun | null;
  /** The storage failures that were ignored. */
  readonly failures: unknown[];
}

/** Some runs are read even without history, to find those that dead processes left. */
const leastRunsRead = 3;

/** Finds the store and reads the session, unless its id is new. */
export async function openTurn({ component, settings, options, runsLimit }: TurnOptions): Promise<Found> {
  const given = options.sessionId ?? settings.sessionId;
  const sessionId = given ?? crypto.randomUUID();
  const userId = options.userId ?? settings.userId ?? null;
  const nothing = { sessionId, userId, db: null, session: null, read: [], isWhole: true, replaced: null, failures: [] };
  if (!component.keepsSessions) {
    return nothing;
  }
  const { signal } = options;
  let db: SessionDb | null = null;
  try {
    db = await untilAborted(component.getDb(), signal);
    const key = { sessionId, ...(signal !== undefined && { signal }) };
    const query = { db, key, count: runsLimit, atFirst: Math.max(runsLimit, leastRunsRead) };
    const found =
      given === undefined
        ? null
        : await untilAborted(
            readHistory(component, { ...query, admit: (session) => admit(session, { component, userId }) }),
            signal,
          );
    if (options.replaces === undefined) {
      return { ...nothing, db, ...found };
    }
    if (found === null) {
      throw new InvalidArgumentError("replaces", "left out: the session does not exist");
    }
    const { runs, replaced, before } = await findReplaced({
      db,
      session: found.session,
      component,
      runId: options.replaces,
      count: runsLimit,
      staleAfter: settings.staleAfter,
      signal,
    });
    found.session.runs = runs;
    return { ...nothing, db, ...found, read: before, isWhole: false, replaced };
  } catch (failure) {
    if (signal?.aborted === true || settings.onStorageError === "throw" || isRefusal(failure)) {
      throw failure;
    }
    return { ...nothing, db, failures: [failure] };
  }
}
