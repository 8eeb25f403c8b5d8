import { BaseSessionDb } from "./base-session-db.ts";
import { RunConflictError } from "./errors.ts";
import { parseJson } from "./json.ts";
import { decodeRun } from "./models/run-codec.ts";
import type { Run } from "./models/runs.ts";
import { decodeSession } from "./models/session-codec.ts";
import type { Session } from "./models/sessions.ts";
import type {
  PageOf,
  RunListQuery,
  RunPosition,
  RunQuery,
  RunSelection,
  RunWrite,
  RunsWanted,
  ScopeQuery,
  SessionChangeFunction,
  SessionConditions,
  SessionListQuery,
  SessionPosition,
  SessionQuery,
  SessionSelection,
  SessionWrite,
} from "./queries.ts";
import type { RunRow, SessionRow } from "./rows.ts";
import {
  admitOwner,
  admitType,
  foldName,
  isHistoryRun,
  parseSessionRow,
  replacedColumns,
  touchedAt,
} from "./session-rules.ts";

export interface InMemorySessionDbOptions {
  /** The largest JSON document, in bytes of UTF-8. Default 64 MiB. */
  maxPayloadBytes?: number;
}

interface StoredSession {
  readonly row: SessionRow<string>;
  readonly runs: ReadonlyMap<string, RunRow<string>>;
}

/**
 * The contract in its plainest form: for tests, for trying things out, and to read before writing an adapter. Nothing
 * outlives the process. Rows are kept as the JSON text a database would hold, so callers never share objects with it.
 */
export class InMemorySessionDb extends BaseSessionDb {
  #sessions = new Map<string, StoredSession>();
  readonly #sessionOfRun = new Map<string, string>();

  constructor({ maxPayloadBytes = 64 * 1024 * 1024 }: InMemorySessionDbOptions = {}) {
    super({ idLength: 255, payloadBytes: maxPayloadBytes });
  }

  protected override async readSession(query: SessionQuery): Promise<Session | null> {
    const stored = this.#sessions.get(query.sessionId);
    return stored !== undefined && isVisible(stored.row, query) ? withRuns(stored, query.runs) : null;
  }

  protected override async listSessions(
    query: SessionListQuery,
  ): Promise<PageOf<Session, SessionPosition> & { total: number | null }> {
    const direction = query.sortOrder === "asc" ? 1 : -1;
    const matching = [...this.#sessions.values()].filter((stored) => meets(stored, query));
    const positions = new Map(matching.map((stored) => [stored, positionOf(stored.row, query.sortBy)]));
    const compare = (a: SessionPosition, b: SessionPosition): number =>
      direction * (a.timestamp - b.timestamp || compareIds(a.sessionId, b.sessionId));
    const ordered = [...positions].toSorted(([, a], [, b]) => compare(a, b));
    const { after } = query;
    const rest = ordered.filter(([, position]) => after === null || compare(position, after) > 0).slice(query.offset);
    const page = rest.slice(0, query.limit);
    return {
      items: page.map(([stored]) => withRuns(stored, query.runs)),
      next: rest.length > page.length ? (page.at(-1)?.[1] ?? null) : null,
      total: query.includeTotal ? matching.length : null,
    };
  }

  protected override async writeSessions(writes: readonly SessionWrite[]): Promise<Session[]> {
    return this.#allOrNothing(() => writes.map((write) => this.#writeSession(write)));
  }

  protected override async changeSession(scope: ScopeQuery, change: SessionChangeFunction): Promise<Session | null> {
    const stored = this.#sessions.get(scope.sessionId);
    if (stored === undefined) {
      return null;
    }
    if (scope.userId !== null) {
      admitOwner(stored.row, scope.userId);
    }
    if (scope.sessionType !== null) {
      admitType(stored.row, scope.sessionType);
    }
    return this.#put({ ...stored, row: changed(stored.row, scope.userId, change) });
  }

  protected override async removeSessions(selection: SessionSelection): Promise<number> {
    const removed = "conditions" in selection ? this.#matching(selection.conditions) : this.#named(selection);
    for (const { row, runs } of removed) {
      this.#sessions.delete(row.sessionId);
      for (const runId of runs.keys()) {
        this.#sessionOfRun.delete(runId);
      }
    }
    return removed.length;
  }

  protected override async writeRun({ session, run, change }: RunWrite): Promise<void> {
    const stored = this.#sessions.get(session.sessionId);
    if (stored !== undefined) {
      admitOwner(stored.row, session.userId);
      admitType(stored.row, session.sessionType);
    }
    const runs = this.#withRun(stored?.runs ?? new Map(), run);
    const row =
      stored === undefined && change === null ? session : changed(stored?.row ?? session, session.userId, change);
    this.#put({ row, runs });
  }

  protected override async readRun({ runId, userId }: RunQuery): Promise<Run | null> {
    const stored = this.#sessions.get(this.#sessionOfRun.get(runId) ?? "");
    const run = stored?.runs.get(runId);
    return run === undefined || (userId !== null && stored?.row.userId !== userId) ? null : decode(run);
  }

  protected override async listRuns(query: RunListQuery): Promise<PageOf<Run, RunPosition>> {
    const direction = query.order === "asc" ? 1 : -1;
    const compare = (a: RunPosition, b: RunPosition): number =>
      direction *
      ((query.sessionId === null ? 0 : a.runIndex - b.runIndex) ||
        a.createdAt - b.createdAt ||
        compareIds(a.runId, b.runId));
    const matching = [...this.#sessions.values()]
      .filter(({ row }) => query.sessionId === null || row.sessionId === query.sessionId)
      .filter(({ row }) => query.userId === null || row.userId === query.userId)
      .flatMap(({ runs }) => [...runs.values()])
      .filter((run) => meetsRunConditions(run, query))
      .toSorted((a, b) => compare(runPosition(a), runPosition(b)));
    const after = query.after && this.#currentPosition(query.after);
    const rest = matching.filter((run) => after === null || compare(runPosition(run), after) > 0);
    const page = rest.slice(0, query.limit);
    const last = page.at(-1);
    return { items: page.map(decode), next: last && rest.length > page.length ? runPosition(last) : null };
  }

  protected override async removeRuns({ runIds, userId }: RunSelection): Promise<number> {
    const found = runIds.filter((runId) => {
      const stored = this.#sessions.get(this.#sessionOfRun.get(runId) ?? "");
      if (stored === undefined || userId === null) {
        return stored !== undefined;
      }
      return !admitOwner(stored.row, userId);
    });
    for (const runId of found) {
      const stored = this.#sessions.get(this.#sessionOfRun.get(runId) ?? "");
      if (stored !== undefined) {
        const rest = inOrder(stored.runs).filter((run) => run.runId !== runId);
        const runs = new Map(rest.map((run, runIndex) => [run.runId, { ...run, runIndex }]));
        this.#sessions.set(stored.row.sessionId, { ...stored, runs });
        this.#sessionOfRun.delete(runId);
      }
    }
    return found.length;
  }

  protected override async release(): Promise<void> {
    this.#sessions.clear();
    this.#sessionOfRun.clear();
  }

  #writeSession({ session, runs }: SessionWrite): Session {
    const stored = this.#sessions.get(session.sessionId);
    if (stored !== undefined) {
      admitOwner(stored.row, session.userId);
      admitType(stored.row, session.sessionType);
    }
    const merged = runs.reduce((merging, run) => this.#withRun(merging, run), stored?.runs ?? new Map());
    const row = stored === undefined ? session : replaced(stored.row, session);
    return this.#put({ row, runs: merged });
  }

  #put(stored: StoredSession): Session {
    this.#sessions.set(stored.row.sessionId, stored);
    for (const runId of stored.runs.keys()) {
      this.#sessionOfRun.set(runId, stored.row.sessionId);
    }
    return withRuns(stored, "none");
  }

  #withRun(runs: StoredSession["runs"], run: RunRow<string>): Map<string, RunRow<string>> {
    if ((this.#sessionOfRun.get(run.runId) ?? run.sessionId) !== run.sessionId) {
      throw new RunConflictError(run.runId, run.sessionId);
    }
    const { runIndex, createdAt } = runs.get(run.runId) ?? {
      runIndex: Math.max(-1, ...[...runs.values()].map((other) => other.runIndex ?? 0)) + 1,
      createdAt: run.createdAt,
    };
    return new Map(runs).set(run.runId, { ...run, runIndex, createdAt });
  }

  #allOrNothing<Result>(write: () => Result): Result {
    const before = new Map(this.#sessions);
    const runsBefore = new Map(this.#sessionOfRun);
    try {
      return write();
    } catch (error) {
      this.#sessions = before;
      this.#sessionOfRun.clear();
      for (const [runId, sessionId] of runsBefore) {
        this.#sessionOfRun.set(runId, sessionId);
      }
      throw error;
    }
  }

  #matching(conditions: SessionConditions): StoredSession[] {
    return [...this.#sessions.values()].filter((stored) => meets(stored, conditions));
  }

  #named({ sessionIds, userId }: { sessionIds: readonly string[]; userId: string | null }): StoredSession[] {
    return sessionIds
      .map((sessionId) => this.#sessions.get(sessionId))
      .filter((stored) => stored !== undefined)
      .filter(({ row }) => userId === null || !admitOwner(row, userId));
  }

  /** Deleting runs renumbers the others: a cursor goes on after its run's place of now. */
  #currentPosition(position: RunPosition): RunPosition {
    const run = this.#sessions.get(this.#sessionOfRun.get(position.runId) ?? "")?.runs.get(position.runId);
    return run === undefined ? position : runPosition(run);
  }
}

function isVisible(
  row: SessionRow<string>,
  { sessionType, userId }: Pick<ScopeQuery, "sessionType" | "userId">,
): boolean {
  return (sessionType === null || row.sessionType === sessionType) && (userId === null || row.userId === userId);
}

function meets({ row, runs }: StoredSession, conditions: SessionConditions): boolean {
  const { participantId, componentId, sessionName, startTimestamp, endTimestamp } = conditions;
  return (
    isVisible(row, conditions) &&
    (participantId === null || [...runs.values()].some((run) => run.userId === participantId)) &&
    (componentId === null || componentIds(row, conditions.sessionType).includes(componentId)) &&
    (sessionName === null || foldName(withRuns({ row, runs }, "none").sessionName ?? "").includes(sessionName)) &&
    (startTimestamp === null || row.createdAt >= startTimestamp) &&
    (endTimestamp === null || row.createdAt <= endTimestamp)
  );
}

function componentIds(row: SessionRow<string>, sessionType: SessionConditions["sessionType"]): (string | null)[] {
  const ids = { agent: row.agentId, team: row.teamId, workflow: row.workflowId };
  return sessionType === null ? Object.values(ids) : [ids[sessionType]];
}

function meetsRunConditions(run: RunRow<string>, query: RunListQuery): boolean {
  const { participantId, statuses, parent, startTimestamp, endTimestamp } = query;
  return (
    (participantId === null || run.userId === participantId) &&
    (statuses === null || (run.status !== null && statuses.includes(run.status))) &&
    (parent === null || run.parentRunId === (parent === "none" ? null : parent.runId)) &&
    (startTimestamp === null || run.createdAt >= startTimestamp) &&
    (endTimestamp === null || run.createdAt <= endTimestamp)
  );
}

function positionOf(row: SessionRow<string>, sortBy: "createdAt" | "updatedAt"): SessionPosition {
  const timestamp = sortBy === "createdAt" ? row.createdAt : (row.updatedAt ?? row.createdAt);
  return { timestamp, sessionId: row.sessionId };
}

function runPosition({ runIndex, createdAt, runId }: RunRow<string>): RunPosition {
  return { runIndex: runIndex ?? 0, createdAt, runId };
}

function inOrder(runs: StoredSession["runs"]): RunRow<string>[] {
  return [...runs.values()].toSorted(
    (a, b) => (a.runIndex ?? 0) - (b.runIndex ?? 0) || a.createdAt - b.createdAt || compareIds(a.runId, b.runId),
  );
}

/** By UTF-8 bytes, as a database with a binary collation compares. JavaScript's `<` differs beyond U+FFFF. */
function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function replaced(stored: SessionRow<string>, session: SessionRow<string>): SessionRow<string> {
  const userId = stored.userId ?? session.userId;
  return { ...stored, ...replacedColumns(session), userId, updatedAt: touchedAt(stored) };
}

function changed(
  stored: SessionRow<string>,
  userId: string | null,
  change: SessionChangeFunction | null,
): SessionRow<string> {
  const columns = change === null ? {} : change(parseSessionRow(stored));
  return { ...stored, ...columns, userId: stored.userId ?? userId, updatedAt: touchedAt(stored) };
}

function withRuns({ row, runs }: StoredSession, wanted: RunsWanted): Session {
  const all = wanted === "none" ? [] : inOrder(runs);
  const chosen = typeof wanted === "number" ? all.filter(isHistoryRun).slice(-wanted) : all;
  return decodeSession(parseSessionRow(row), chosen.map(decode));
}

function decode(run: RunRow<string>): Run {
  return decodeRun({ ...run, runData: parseJson(run.runData, "runData", run.runId) });
}
