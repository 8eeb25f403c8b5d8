import type { GivenTimes, RunRow, SessionRow } from "@sessiondb/core/adapter";
import { admitted, checkRun } from "@sessiondb/core/adapter";
import type { CommitRequest, Entry } from "./key-value-service.ts";
import {
  entriesOfRun,
  entriesOfSession,
  lastPart,
  locatorKey,
  runLocator,
  prefixOf,
  sessionKey,
  storedRun,
  storedSession,
  type Counts,
  type Entries,
  type StoredRun,
  type StoredSession,
} from "./layout.ts";
import type { Reader } from "./reader.ts";

/** A record as it was read and as it is to be; null where there is none. */
export interface Change<Stored> {
  readonly before: Stored | null;
  after: Stored | null;
}

/**
 * One write: what was read, at which versions, and what is to become of it. Nothing reaches the service before the one
 * commit, which fails when anything that was read has changed since. The runs of a session are guarded by the session:
 * every write to one of them writes the session too.
 */
export class Draft {
  readonly reader: Reader;
  readonly sessions = new Map<string, Change<StoredSession>>();
  readonly runs = new Map<string, Change<StoredRun>>();
  readonly #expected = new Map<string, number>();

  constructor(reader: Reader) {
    this.reader = reader;
  }

  async session(sessionId: string): Promise<StoredSession | null> {
    return (await this.readSessions([sessionId]))[0] ?? null;
  }

  async readSessions(sessionIds: readonly string[]): Promise<(StoredSession | null)[]> {
    const missing = sessionIds.filter((sessionId) => !this.sessions.has(sessionId));
    const entries = await this.#get(missing.map(sessionKey));
    for (const [index, sessionId] of missing.entries()) {
      const before = storedSession(entries[index]);
      this.sessions.set(sessionId, { before, after: before });
    }
    return sessionIds.map((sessionId) => this.sessions.get(sessionId)?.after ?? null);
  }

  /** The stored session, if there is one, once it is clear that it may be written. */
  async admitted(session: SessionRow<string>): Promise<StoredSession | null> {
    const stored = await this.session(session.sessionId);
    admitted(stored?.row ?? null, session);
    return stored;
  }

  async run(runId: string): Promise<StoredRun | null> {
    return (await this.readRuns([runId]))[0] ?? null;
  }

  async readRuns(runIds: readonly string[]): Promise<(StoredRun | null)[]> {
    const missing = runIds.filter((runId) => !this.runs.has(runId));
    const locators = (await this.#get(missing.map(locatorKey))).map(runLocator);
    const places = await this.#get(locators.flatMap((locator) => locator?.key ?? []));
    const found = new Map(places.flatMap((entry) => (entry === null ? [] : [[entry.key, storedRun(entry)]])));
    for (const [index, runId] of missing.entries()) {
      const before = found.get(locators[index]?.key ?? "") ?? null;
      this.runs.set(runId, { before, after: before });
    }
    return runIds.map((runId) => this.runs.get(runId)?.after ?? null);
  }

  /** All runs of a session in its order; for the few writes that need to know them. */
  async runsOf(sessionId: string): Promise<StoredRun[]> {
    const [entries = []] = await this.reader.scan([{ prefix: prefixOf("runs", "order", sessionId) }]);
    const runs = await this.readRuns(entries.map(({ key }) => lastPart(key)));
    return runs.flatMap((run) => run ?? []);
  }

  putSession(row: SessionRow<string>): void {
    const stored = this.#session(row.sessionId).after;
    const empty = { writes: 0, nextPlace: 0, runCount: 0, participants: [], statuses: [] };
    this.#session(row.sessionId).after = { ...(stored ?? empty), row, writes: (stored?.writes ?? 0) + 1 };
  }

  /** Puts a run in the place of the one with its id, which keeps its time of creation, or at the end. */
  async putRun(run: RunRow<string>, keptTimes: GivenTimes | null): Promise<StoredRun> {
    const before = await this.run(run.runId);
    checkRun(before?.row ?? null, run);
    const session = this.#session(run.sessionId);
    const createdAt = keptTimes?.runs.has(run) === true ? run.createdAt : (before?.row.createdAt ?? run.createdAt);
    const placed = { row: { ...run, createdAt }, place: before?.place ?? session.after?.nextPlace ?? 0 };
    this.#replaceRun(run.runId, placed);
    return placed;
  }

  deleteRun(runId: string): void {
    this.#replaceRun(runId, null);
  }

  async deleteSession(sessionId: string): Promise<void> {
    for (const { row } of await this.runsOf(sessionId)) {
      this.deleteRun(row.runId);
    }
    this.#session(sessionId).after = null;
  }

  /** What to ask of the service: the versions that must still hold, and the entries that differ. */
  commit(changes: readonly EntryChange[] = this.changes()): CommitRequest {
    const puts = new Map<string, string>();
    const deletes = new Set<string>();
    for (const { key, after } of changes) {
      if (after === null) {
        deletes.add(key);
      } else {
        puts.set(key, after);
      }
    }
    return { expected: this.#expected, puts, deletes };
  }

  changes(): EntryChange[] {
    return [
      ...[...this.sessions.values()].flatMap((each) =>
        difference(entriesOfSession(each.before), entriesOfSession(each.after)),
      ),
      ...[...this.runs.values()].flatMap((each) => difference(entriesOfRun(each.before), entriesOfRun(each.after))),
    ];
  }

  #session(sessionId: string): Change<StoredSession> {
    const change = this.sessions.get(sessionId);
    if (change === undefined) {
      throw new Error("a session is read before it is written");
    }
    return change;
  }

  #replaceRun(runId: string, after: StoredRun | null): void {
    const change = this.runs.get(runId);
    const session = change && this.sessions.get((change.after ?? after)?.row.sessionId ?? "");
    if (change === undefined || session === undefined || session.after === null) {
      throw new Error("a run and its session are read before they are written");
    }
    const count = (counts: Counts, of: (row: RunRow<string>) => string | null): Counts =>
      recounted(counts, change.after && of(change.after.row), after && of(after.row));
    session.after = {
      ...session.after,
      writes: session.after.writes + 1,
      nextPlace: Math.max(session.after.nextPlace, (after?.place ?? -1) + 1),
      runCount: session.after.runCount + (after === null ? 0 : 1) - (change.after === null ? 0 : 1),
      participants: count(session.after.participants, ({ userId }) => userId),
      statuses: count(session.after.statuses, ({ status }) => status),
    };
    change.after = after;
  }

  async #get(keys: readonly string[]): Promise<(Entry | null)[]> {
    const entries = await this.reader.get(keys);
    for (const [index, key] of keys.entries()) {
      this.#expected.set(key, entries[index]?.version ?? 0);
    }
    return entries;
  }
}

/** One entry to put, or to delete where `after` is null. */
export interface EntryChange {
  readonly key: string;
  readonly after: string | null;
}

function difference(before: Entries, after: Entries): EntryChange[] {
  return [
    ...[...before.keys()].filter((key) => !after.has(key)).map((key) => ({ key, after: null })),
    ...[...after].filter(([key, value]) => before.get(key) !== value).map(([key, value]) => ({ key, after: value })),
  ];
}

function recounted(counts: Counts, less: string | null, more: string | null): Counts {
  const map = new Map(counts);
  for (const [value, by] of [
    [less, -1],
    [more, 1],
  ] as const) {
    if (value !== null) {
      map.set(value, (map.get(value) ?? 0) + by);
    }
  }
  return [...map].filter(([, count]) => count > 0);
}
