import { setTimeout as sleep } from "node:timers/promises";
import { InvalidArgumentError, type Run, type SessionHeader, type UpsertRunResult } from "@sessiondb/core";
import {
  unmetCondition,
  type RunChangeFunction,
  type RunScopeQuery,
  type RunWrite,
  type SessionChangeFunction,
  type SessionWrite,
  type Signal,
  type WriteConditions,
} from "@sessiondb/core/adapter";
import type { KeyValueService } from "../key-value/key-value-service.ts";
import { TracedStore, type Fault } from "./traced-store.ts";

// Turns that decide too early, or write more or less than they say.

const anyOf = (sessionId: string) => ({ sessionId, sessionType: null, userId: null });

type Rewrite = (write: RunWrite, store: Rewriting) => RunWrite | Promise<RunWrite>;

/** Makes another write of a turn than the one asked for. */
class Rewriting extends TracedStore {
  readonly #rewrite: Rewrite;

  constructor(service: KeyValueService, rewrite: Rewrite) {
    super(service);
    this.#rewrite = rewrite;
  }

  protected override async writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    return super.writeRun(await this.#rewrite(write, this), signal);
  }
}

const rewrites =
  (rewrite: Rewrite): Fault["make"] =>
  (service) =>
    new Rewriting(service, rewrite);

const without =
  (...names: (keyof WriteConditions)[]): Fault["make"] =>
  (service) =>
    new Rewriting(service, (write) => ({
      ...write,
      conditions: write.conditions && {
        ...write.conditions,
        ...Object.fromEntries(names.map((name) => [name, null])),
      },
    }));

/** Looks at the conditions, waits, and writes without them. */
class DecidesTooEarly extends TracedStore {
  readonly #name: keyof WriteConditions;

  constructor(service: KeyValueService, name: keyof WriteConditions) {
    super(service);
    this.#name = name;
  }

  protected override async writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    const early = await this.#decide(write, signal);
    if (!early) {
      return super.writeRun(write, signal);
    }
    await sleep(2);
    const conditions = write.conditions && { ...write.conditions, [this.#name]: null };
    return super.writeRun({ ...write, conditions }, signal);
  }

  /** Whether the condition holds now. */
  async #decide({ session, run, conditions }: RunWrite, signal: Signal): Promise<boolean> {
    if (conditions === null || conditions[this.#name] === null) {
      return false;
    }
    const stored = await this.readSession({ ...anyOf(session.sessionId), runs: "all" }, signal);
    const runs = (stored?.runs ?? []).map((each) => ({
      ...each,
      parentRunId: each.parentRunId ?? null,
      status: each.status ?? null,
    }));
    return unmetCondition({ run, conditions }, { sessionExists: stored !== null, runs }) === null;
  }
}

/** Does something more when a condition does not hold. */
class WritesUnmet extends TracedStore {
  readonly #what: "also" | "change" | "touch" | "delete";

  constructor(service: KeyValueService, what: "also" | "change" | "touch" | "delete") {
    super(service);
    this.#what = what;
  }

  protected override async writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    const result = await super.writeRun(write, signal);
    if (!result.stored) {
      const { sessionId } = write.session;
      if (this.#what === "also") {
        for (const { session, change } of write.also) {
          await super.changeSession(anyOf(session.sessionId), change, signal);
        }
      } else if (this.#what === "delete" && write.deleteAfter !== null) {
        const session = await this.readSession({ ...anyOf(sessionId), runs: "all" }, signal);
        const [, ...runIds] = (session?.runs ?? []).map(({ runId }) => runId);
        await super.removeRuns({ runIds, userId: null }, signal);
      } else if (this.#what !== "delete") {
        await super.changeSession(
          anyOf(sessionId),
          (this.#what === "change" ? write.change : null) ?? (() => ({})),
          signal,
        );
      }
    }
    return result;
  }
}

/** Splits a turn into transactions that can fail one without the other. */
class SplitsTurns extends TracedStore {
  protected override async writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    const result = await super.writeRun({ ...write, also: [] }, signal);
    for (const { session, change } of result.stored ? write.also : []) {
      await super.writeSessions([{ session, runs: [], keptTimes: null }], signal);
      await super.changeSession(anyOf(session.sessionId), change, signal);
    }
    return result;
  }
}

/** Deletes the old end of a conversation in a transaction of its own. */
class DeletesFirst extends TracedStore {
  protected override async writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    if (write.deleteAfter === null || write.conditions !== null) {
      return super.writeRun(write, signal);
    }
    const session = await this.readSession({ ...anyOf(write.session.sessionId), runs: "all" }, signal);
    const ids = (session?.runs ?? []).map(({ runId }) => runId);
    const place = ids.indexOf(write.deleteAfter.runId ?? "");
    if (place < 0 && write.deleteAfter.runId !== null) {
      throw new InvalidArgumentError("deleteRunsAfter", "the id of a run of the session");
    }
    const gone = ids.slice(place + 1).filter((runId) => runId !== write.run.runId);
    const deletedRuns = await super.removeRuns({ runIds: gone, userId: null }, signal);
    await super.writeRun({ ...write, deleteAfter: null }, signal);
    return { stored: true, deletedRuns };
  }
}

/** Changes the result of a turn. */
class Answers extends TracedStore {
  readonly #answer: (result: UpsertRunResult, write: RunWrite) => UpsertRunResult;

  constructor(service: KeyValueService, answer: (result: UpsertRunResult, write: RunWrite) => UpsertRunResult) {
    super(service);
    this.#answer = answer;
  }

  protected override async writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    return this.#answer(await super.writeRun(write, signal), write);
  }
}

/** A change that a retry makes upon what the attempt before it came to. */
class ChangesTwice extends TracedStore {
  protected override writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    return super.writeRun({ ...write, change: write.change && accumulating(write.change) }, signal);
  }
}

class UpdatesTwice extends TracedStore {
  protected override changeSession(
    scope: Parameters<TracedStore["changeSession"]>[0],
    change: SessionChangeFunction,
    signal: Signal,
  ): Promise<SessionHeader | null> {
    return super.changeSession(scope, accumulating(change), signal);
  }
}

function accumulating(change: SessionChangeFunction): SessionChangeFunction {
  let before: ReturnType<SessionChangeFunction> | null = null;
  return (stored) => {
    const sessionData =
      before?.sessionData === undefined ? stored.sessionData : JSON.parse(before.sessionData ?? "null");
    before = change({ ...stored, sessionData });
    return before;
  };
}

/** Reads the run first, and writes what the change makes of that. */
class UpdatesRunsWithoutLock extends TracedStore {
  protected override async changeRun(
    scope: RunScopeQuery,
    change: RunChangeFunction,
    signal: Signal,
  ): Promise<Run | null> {
    let read: Parameters<RunChangeFunction>[0] | null = null;
    await super
      .changeRun(
        scope,
        (stored) => {
          read ??= stored;
          throw new SeenError();
        },
        signal,
      )
      .catch((error: unknown) => {
        if (!(error instanceof SeenError)) {
          throw error;
        }
      });
    await sleep(1);
    return super.changeRun(scope, (stored) => change(read ?? stored), signal);
  }
}

class SeenError extends Error {}

class UpdatesAnySession extends TracedStore {
  protected override changeRun(scope: RunScopeQuery, change: RunChangeFunction, signal: Signal): Promise<Run | null> {
    return super.changeRun({ ...scope, sessionId: null }, change, signal);
  }
}

class UpdatesAnyOnesRun extends TracedStore {
  protected override changeRun(scope: RunScopeQuery, change: RunChangeFunction, signal: Signal): Promise<Run | null> {
    return super.changeRun({ ...scope, userId: null }, change, signal);
  }
}

class WritesSessionsOneByOne extends TracedStore {
  protected override async writeSessions(writes: readonly SessionWrite[], signal: Signal): Promise<SessionHeader[]> {
    const headers: SessionHeader[] = [];
    for (const write of writes) {
      headers.push(...(await super.writeSessions([write], signal)));
    }
    return headers;
  }
}

export const turnFaults: readonly Fault[] = [
  {
    fault: "checks onlyIfStatus before the lock",
    caughtBy: "races: when many callers take over a paused run, one wins",
    message: "turns with onlyIfStatus that were stored number",
    make: (service) => new DecidesTooEarly(service, "statuses"),
  },
  {
    fault: "checks onlyIfExists before the lock",
    caughtBy: "races: a turn for a session that is being deleted does not bring it back",
    message: "a session deleted during turns with onlyIfExists is",
    make: (service) => new DecidesTooEarly(service, "exists"),
  },
  {
    fault: "checks onlyIfNewest before the lock",
    caughtBy: "races: when many turns want to be the next, one is stored",
    message: "turns with onlyIfNewest that were stored number",
    make: (service) => new DecidesTooEarly(service, "newest"),
  },
  {
    fault: "ignores onlyIfNewest",
    caughtBy: "indexes: every list is right after a turn whose onlyIfNewest does not hold",
    message: "the call resulted in { result: { stored: true",
    make: without("newest"),
  },
  {
    fault: "ignores onlyIfExists",
    caughtBy: "indexes: every list is right after a turn whose run does not exist",
    message: "the call resulted in { result: { stored: true",
    make: without("exists"),
  },
  {
    fault: "checks only the last status of onlyIfStatus",
    caughtBy: "indexes: every list is right after a turn whose onlyIfStatus holds",
    message: "the call resulted in { result: { stored: false, unmet: 'onlyIfStatus'",
    make: rewrites((write) => ({
      ...write,
      conditions: write.conditions && {
        ...write.conditions,
        statuses: write.conditions.statuses && write.conditions.statuses.slice(-1),
      },
    })),
  },
  {
    fault: "changes other sessions even though a condition does not hold",
    caughtBy: "indexes: every list is right after a turn whose onlyIfStatus does not hold",
    message: 'getSession({ sessionId: "c" }) returned',
    make: (service) => new WritesUnmet(service, "also"),
  },
  {
    fault: "changes the session even though a condition does not hold",
    caughtBy: "indexes: every list is right after a turn whose onlyIfStatus does not hold",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) => new WritesUnmet(service, "change"),
  },
  {
    fault: "touches the session even though a condition does not hold",
    caughtBy: "indexes: every list is right after a turn whose onlyIfNewest does not hold",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) => new WritesUnmet(service, "touch"),
  },
  {
    fault: "deletes runs even though a condition does not hold",
    caughtBy: "indexes: every list is right after a turn whose onlyIfNewest does not hold",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) => new WritesUnmet(service, "delete"),
  },
  {
    fault: "changes other sessions in separate transactions",
    caughtBy: "indexes: every list is right after a turn in which another session's change fails",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) => new SplitsTurns(service),
  },
  {
    fault: "deletes the end of a conversation in a separate transaction",
    caughtBy: "races: until the commit, readers see the whole old end of a conversation",
    message: "neither the old end of the conversation nor the new",
    make: (service) => new DeletesFirst(service),
  },
  {
    fault: "leaves member runs when it deletes the end of a conversation",
    caughtBy: "indexes: every list is right after a turn that deletes the runs after it",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) =>
      new (class extends TracedStore {
        protected override changesOf(draft: Parameters<TracedStore["changesOf"]>[0]) {
          const { current } = this;
          if (current.method === "writeRun" && current.write.deleteAfter !== null) {
            for (const run of draft.runs.values()) {
              if (run.after === null && run.before !== null && run.before.row.parentRunId !== null) {
                run.after = run.before;
              }
            }
          }
          return super.changesOf(draft);
        }
      })(service),
  },
  {
    fault: "also deletes the run that deleteRunsAfter names",
    caughtBy: "indexes: every list is right after a turn that deletes the runs after another",
    message: "deletedRuns: 4",
    make: rewrites(async (write, store) => {
      const { deleteAfter } = write;
      if (deleteAfter === null || deleteAfter.runId === null || deleteAfter.runId === write.run.runId) {
        return write;
      }
      const { runs } = await store.getRuns({ sessionId: write.session.sessionId, limit: 1000 });
      const place = runs.findIndex(({ runId }) => runId === deleteAfter.runId);
      return place < 0 ? write : { ...write, deleteAfter: { runId: runs[place - 1]?.runId ?? null } };
    }),
  },
  {
    fault: "treats an unknown deleteRunsAfter as nothing to delete",
    caughtBy: "indexes: every list is right after a turn that deletes the runs after an unknown one",
    message: "the call resulted in { result: { stored: true",
    make: rewrites(async (write, store) => {
      const named = write.deleteAfter?.runId ?? null;
      const stored = named === null ? null : await store.getRun({ runId: named });
      return named !== null && stored?.sessionId !== write.session.sessionId ? { ...write, deleteAfter: null } : write;
    }),
  },
  {
    fault: "ignores deleteRunsAfter: null",
    caughtBy: "indexes: every list is right after a turn that deletes all other runs",
    message: "deletedRuns: 0",
    make: rewrites((write) => (write.deleteAfter?.runId === null ? { ...write, deleteAfter: null } : write)),
  },
  {
    fault: "counts the written run among the deleted",
    caughtBy: "indexes: every list is right after a turn that deletes the runs after it",
    message: "deletedRuns: 3",
    make: (service) =>
      new Answers(service, (result) =>
        result.stored && result.deletedRuns > 0 ? { ...result, deletedRuns: result.deletedRuns + 1 } : result,
      ),
  },
  {
    fault: "reports a turn as stored when it was not",
    caughtBy: "indexes: every list is right after a turn whose onlyIfStatus does not hold",
    message: "the call resulted in { result: { stored: true",
    make: (service) => new Answers(service, () => ({ stored: true, deletedRuns: 0 })),
  },
  {
    fault: "names the wrong condition",
    caughtBy: "indexes: every list is right after a turn whose onlyIfNewest does not hold",
    message: "unmet: 'onlyIfStatus' } }, not",
    make: (service) =>
      new Answers(service, (result) => (result.stored ? result : { stored: false, unmet: "onlyIfStatus" })),
  },
  {
    fault: "applies the change of a turn again to its own result",
    caughtBy: "races: turns that change an existing session all count",
    message: "after 20 turns with a change the stored changes are",
    make: (service) => new ChangesTwice(service),
  },
  {
    fault: "applies the change of an update again to its own result",
    caughtBy: "races: turns and updates of an existing session all count",
    message: "after turns and updates the stored changes are",
    make: (service) => new UpdatesTwice(service),
  },
  {
    fault: "does not change other sessions that exist",
    caughtBy: "indexes: every list is right after a turn that changes other sessions too",
    message: 'getSession({ sessionId: "b" }) returned',
    make: rewrites((write) => ({ ...write, also: write.also.map(({ session }) => ({ session, change: () => ({}) })) })),
  },
  {
    fault: "ignores the owner of a session that it changes beside a turn",
    caughtBy: "indexes: every list is right after a turn that also changes another user's session",
    message: "the call resulted in { result: { stored: true",
    make: rewrites(async (write, store) => ({
      ...write,
      also: await Promise.all(
        write.also.map(async (each) => {
          const stored = await store.getSession({ sessionId: each.session.sessionId, includeRuns: false });
          return { ...each, session: { ...each.session, userId: stored?.userId ?? each.session.userId } };
        }),
      ),
    })),
  },
  {
    fault: "passes the session to a change before the turn fills it in",
    caughtBy: "indexes: every list is right after a turn that adopts a session and fills in its component",
    message: "seen: null",
    make: rewrites((write) => ({
      ...write,
      change: write.change && ((stored) => write.change?.({ ...stored, agentData: null, agentId: null }) ?? {}),
    })),
  },
  {
    fault: "changes a run without a lock",
    caughtBy: "races: many callers that take items out of one run each get a different one",
    message: "different items that updateRun took out of one run number",
    make: (service) => new UpdatesRunsWithoutLock(service),
  },
  {
    fault: "changes a run of another session than the one named",
    caughtBy: "indexes: every list is right after updateRun of another session",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) => new UpdatesAnySession(service),
  },
  {
    fault: "changes a run in another user's session",
    caughtBy: "indexes: every list is right after updateRun of another user's run",
    message: "the call resulted in { result: null }, not",
    make: (service) => new UpdatesAnyOnesRun(service),
  },
  {
    fault: "writes many sessions in separate transactions",
    caughtBy: "indexes: every list is right after many sessions that include another user's",
    message: 'getSession({ sessionId: "f" }) returned',
    make: (service) => new WritesSessionsOneByOne(service),
  },
];
