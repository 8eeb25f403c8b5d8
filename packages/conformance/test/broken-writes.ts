import {
  RunConflictError,
  SessionOwnershipError,
  type Run,
  type SessionHeader,
  type UpsertRunResult,
} from "@sessiondb/core";
import type {
  RunListQuery,
  RunRow,
  RunSelection,
  RunWrite,
  ScopeQuery,
  SessionChangeFunction,
  SessionQuery,
  SessionRow,
  SessionSelection,
  SessionWrite,
} from "@sessiondb/core/adapter";
import { setTimeout as sleep } from "node:timers/promises";
import { anyScope, runsOf, Store } from "./broken-store.ts";

export class LosesARun extends Store {
  #written = 0;
  protected override async writeRun(write: RunWrite): Promise<UpsertRunResult> {
    this.#written += 1;
    return this.#written % 9 === 0 ? { stored: true, deletedRuns: 0 } : super.writeRun(write);
  }
}

export class LosesUpdates extends Store {
  protected override async changeSession(
    scope: ScopeQuery,
    change: SessionChangeFunction,
  ): Promise<SessionHeader | null> {
    const before = await super.readSession({ ...scope, sessionType: null, userId: null, runs: "none" });
    await sleep(1);
    const { sessionData } = before ?? { sessionData: null };
    return super.changeSession(scope, (row) => change({ ...row, sessionData }));
  }
}

export class OverwritesWhatEnded extends Store {
  protected override async writeRun(write: RunWrite): Promise<UpsertRunResult> {
    return super.writeRun({ ...write, conditions: null });
  }
}

export class ChecksTheStatusTooEarly extends Store {
  protected override async writeRun({ conditions, ...write }: RunWrite): Promise<UpsertRunResult> {
    const { runId } = write.run;
    const stored = await super.readRun({ runId, userId: null });
    if (conditions !== null && conditions.statuses?.includes(stored?.status ?? "") === false) {
      return { stored: false, unmet: "onlyIfStatus" };
    }
    await sleep(5);
    return super.writeRun({ ...write, conditions: null });
  }
}

export class MovesRuns extends Store {
  protected override async writeRun(write: RunWrite): Promise<UpsertRunResult> {
    try {
      return await super.writeRun(write);
    } catch (error) {
      if (!(error instanceof RunConflictError)) {
        throw error;
      }
      await super.removeRuns({ runIds: [write.run.runId], userId: null });
      return super.writeRun(write);
    }
  }
}

export class ReplacesTheRuns extends Store {
  protected override async writeSessions(writes: readonly SessionWrite[]): Promise<SessionHeader[]> {
    for (const { session, runs } of writes) {
      const stored = await super.readSession({ ...anyScope(session.sessionId), runs: "all" });
      const kept = runs.map(({ runId }) => runId);
      const gone = runsOf(stored)
        .map(({ runId }) => runId)
        .filter((runId) => !kept.includes(runId));
      await super.removeRuns({ runIds: gone, userId: null });
    }
    return super.writeSessions(writes);
  }
}

export class WritesOneByOne extends Store {
  protected override async writeSessions(writes: readonly SessionWrite[]): Promise<SessionHeader[]> {
    const stored: SessionHeader[] = [];
    for (const write of writes) {
      stored.push(...(await super.writeSessions([write])));
    }
    return stored;
  }
}

export class AppendsReplacedRuns extends Store {
  protected override async writeRun(write: RunWrite): Promise<UpsertRunResult> {
    const stored = await super.readRun({ runId: write.run.runId, userId: null });
    if (stored?.sessionId === write.session.sessionId) {
      await super.removeRuns({ runIds: [write.run.runId], userId: null });
    }
    return super.writeRun(write);
  }
}

export class LeavesRunsBehind extends Store {
  readonly #orphans: Run[] = [];
  protected override async removeSessions(selection: SessionSelection): Promise<number> {
    for (const sessionId of selection.sessionIds) {
      this.#orphans.push(...runsOf(await super.readSession({ ...anyScope(sessionId), runs: "all" })));
    }
    return super.removeSessions(selection);
  }
  protected override async listRuns(query: RunListQuery) {
    const page = await super.listRuns(query);
    return { ...page, items: [...page.items, ...this.#orphans] };
  }
}

export class SkipsForeignSessions extends Store {
  protected override async removeSessions(selection: SessionSelection): Promise<number> {
    let removed = 0;
    for (const sessionId of selection.sessionIds) {
      removed += await super.removeSessions({ ...selection, sessionIds: [sessionId] }).catch(ifForeign);
    }
    return removed;
  }
}

export class SkipsForeignRuns extends Store {
  protected override async removeRuns({ runIds, userId }: RunSelection): Promise<number> {
    let removed = 0;
    for (const runId of runIds) {
      removed += await super.removeRuns({ runIds: [runId], userId }).catch(ifForeign);
    }
    return removed;
  }
}

function ifForeign(error: unknown): number {
  if (error instanceof SessionOwnershipError) {
    return 0;
  }
  throw error;
}

export class WritesBeforeTheChange extends Store {
  protected override async writeRun(write: RunWrite): Promise<UpsertRunResult> {
    const result = await super.writeRun({ ...write, change: null });
    if (write.change !== null) {
      await super.changeSession(anyScope(write.session.sessionId), write.change);
    }
    return result;
  }
}

export class RelabelsSessions extends Store {
  protected override async writeRun(write: RunWrite): Promise<UpsertRunResult> {
    const stored = await super.readSession({ ...anyScope(write.session.sessionId), runs: "none" });
    const { sessionType } = stored ?? write.session;
    return super.writeRun({ ...write, session: { ...write.session, sessionType } });
  }
}

export class FoldsIds extends Store {
  readonly #fold: (id: string) => string;
  constructor(fold: (id: string) => string) {
    super();
    this.#fold = fold;
  }
  protected override writeRun({ session, run, ...write }: RunWrite): Promise<UpsertRunResult> {
    const sessionId = this.#fold(session.sessionId);
    return super.writeRun({ ...write, session: { ...session, sessionId }, run: { ...run, sessionId } });
  }
  protected override readSession(query: SessionQuery) {
    return super.readSession({ ...query, sessionId: this.#fold(query.sessionId) });
  }
}

/** Changes what is written of runs. */
export class SpoilsRuns extends Store {
  readonly #spoil: (json: string) => string;
  constructor(spoil: (json: string) => string) {
    super();
    this.#spoil = spoil;
  }
  protected override writeRun({ run, ...write }: RunWrite): Promise<UpsertRunResult> {
    const spoilt: RunRow<string> = { ...run, runData: this.#spoil(run.runData) };
    return super.writeRun({ ...write, run: spoilt });
  }
}

/** Changes what is written of sessions. */
export class SpoilsSessions extends Store {
  readonly #spoil: (row: SessionRow<string>) => Partial<SessionRow<string>>;
  constructor(spoil: (row: SessionRow<string>) => Partial<SessionRow<string>>) {
    super();
    this.#spoil = spoil;
  }
  protected override writeSessions(writes: readonly SessionWrite[]): Promise<SessionHeader[]> {
    return super.writeSessions(
      writes.map(({ session, ...write }) => ({ session: { ...session, ...this.#spoil(session) }, ...write })),
    );
  }
}

export class QuotesContent extends Store {
  protected override async writeRun(write: RunWrite): Promise<UpsertRunResult> {
    try {
      return await super.writeRun(write);
    } catch (error) {
      throw Object.assign(error as Error, { parameters: [write.run.runData] });
    }
  }
}

export class ThrowsTheDriversErrors extends Store {
  protected override async writeRun(write: RunWrite): Promise<UpsertRunResult> {
    return super.writeRun(write).catch((error: unknown) => {
      throw error instanceof RunConflictError ? new Error("UNIQUE constraint failed") : error;
    });
  }
}

export class ClosesAtOnce extends Store {
  protected override async writeRun(write: RunWrite): Promise<UpsertRunResult> {
    await sleep(1);
    return super.writeRun(write);
  }
  override async close(): Promise<void> {
    void super.close();
  }
}
