import {
  RunConflictError,
  SessionOwnershipError,
  type Run,
  type RunListQuery,
  type RunRow,
  type RunSelection,
  type RunWrite,
  type ScopeQuery,
  type Session,
  type SessionChangeFunction,
  type SessionQuery,
  type SessionRow,
  type SessionSelection,
  type SessionWrite,
} from "@sessiondb/core";
import { setTimeout as sleep } from "node:timers/promises";
import { anyScope, Store } from "./broken-store.ts";

export class LosesARun extends Store {
  #written = 0;
  protected override async writeRun(write: RunWrite): Promise<void> {
    this.#written += 1;
    if (this.#written % 9 !== 0) {
      await super.writeRun(write);
    }
  }
}

export class LosesUpdates extends Store {
  protected override async changeSession(scope: ScopeQuery, change: SessionChangeFunction): Promise<Session | null> {
    const before = await super.readSession({ ...scope, sessionType: null, userId: null, runs: "none" });
    await sleep(1);
    const { sessionData } = before ?? { sessionData: null };
    return super.changeSession(scope, (row) => change({ ...row, sessionData }));
  }
}

export class OverwritesWhatEnded extends Store {
  protected override async writeRun(write: RunWrite): Promise<void> {
    await super.writeRun({ ...write, onlyIfStatus: null });
  }
}

export class ChecksTheStatusTooEarly extends Store {
  protected override async writeRun({ onlyIfStatus, ...write }: RunWrite): Promise<void> {
    const { runId } = write.run;
    if (onlyIfStatus !== null && (await super.readRun({ runId, userId: null }))?.status !== onlyIfStatus) {
      return;
    }
    await sleep(5);
    await super.writeRun({ ...write, onlyIfStatus: null });
  }
}

export class MovesRuns extends Store {
  protected override async writeRun(write: RunWrite): Promise<void> {
    try {
      await super.writeRun(write);
    } catch (error) {
      if (!(error instanceof RunConflictError)) {
        throw error;
      }
      await super.removeRuns({ runIds: [write.run.runId], userId: null });
      await super.writeRun(write);
    }
  }
}

export class ReplacesTheRuns extends Store {
  protected override async writeSessions(writes: readonly SessionWrite[]): Promise<Session[]> {
    for (const { session, runs } of writes) {
      const stored = await super.readSession({ ...anyScope(session.sessionId), runs: "all" });
      const kept = runs.map(({ runId }) => runId);
      const gone = stored?.runs.map(({ runId }) => runId).filter((runId) => !kept.includes(runId)) ?? [];
      await super.removeRuns({ runIds: gone, userId: null });
    }
    return super.writeSessions(writes);
  }
}

export class WritesOneByOne extends Store {
  protected override async writeSessions(writes: readonly SessionWrite[]): Promise<Session[]> {
    const stored: Session[] = [];
    for (const write of writes) {
      stored.push(...(await super.writeSessions([write])));
    }
    return stored;
  }
}

export class AppendsReplacedRuns extends Store {
  protected override async writeRun(write: RunWrite): Promise<void> {
    const stored = await super.readRun({ runId: write.run.runId, userId: null });
    if (stored?.sessionId === write.session.sessionId) {
      await super.removeRuns({ runIds: [write.run.runId], userId: null });
    }
    await super.writeRun(write);
  }
}

export class LeavesRunsBehind extends Store {
  readonly #orphans: Run[] = [];
  protected override async removeSessions(selection: SessionSelection): Promise<number> {
    for (const sessionId of "sessionIds" in selection ? selection.sessionIds : []) {
      this.#orphans.push(...((await super.readSession({ ...anyScope(sessionId), runs: "all" }))?.runs ?? []));
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
    for (const sessionId of "sessionIds" in selection ? selection.sessionIds : []) {
      removed += await super.removeSessions({ ...selection, sessionIds: [sessionId] }).catch(ifForeign);
    }
    return "sessionIds" in selection ? removed : super.removeSessions(selection);
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
  protected override async writeRun(write: RunWrite): Promise<void> {
    await super.writeRun({ ...write, change: null });
    if (write.change !== null) {
      await super.changeSession(anyScope(write.session.sessionId), write.change);
    }
  }
}

export class RelabelsSessions extends Store {
  protected override async writeRun(write: RunWrite): Promise<void> {
    const stored = await super.readSession({ ...anyScope(write.session.sessionId), runs: "none" });
    const { sessionType } = stored ?? write.session;
    await super.writeRun({ ...write, session: { ...write.session, sessionType } });
  }
}

export class FoldsIds extends Store {
  readonly #fold: (id: string) => string;
  constructor(fold: (id: string) => string) {
    super();
    this.#fold = fold;
  }
  protected override writeRun({ session, run, ...write }: RunWrite): Promise<void> {
    const sessionId = this.#fold(session.sessionId);
    return super.writeRun({ ...write, session: { ...session, sessionId }, run: { ...run, sessionId } });
  }
  protected override readSession(query: SessionQuery): Promise<Session | null> {
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
  protected override writeRun({ run, ...write }: RunWrite): Promise<void> {
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
  protected override writeSessions(writes: readonly SessionWrite[]): Promise<Session[]> {
    return super.writeSessions(
      writes.map(({ session, runs }) => ({ session: { ...session, ...this.#spoil(session) }, runs })),
    );
  }
}

export class QuotesContent extends Store {
  protected override async writeRun(write: RunWrite): Promise<void> {
    try {
      await super.writeRun(write);
    } catch (error) {
      throw Object.assign(error as Error, { parameters: [write.run.runData] });
    }
  }
}

export class ThrowsTheDriversErrors extends Store {
  protected override async writeRun(write: RunWrite): Promise<void> {
    await super.writeRun(write).catch((error: unknown) => {
      throw error instanceof RunConflictError ? new Error("UNIQUE constraint failed") : error;
    });
  }
}

export class ClosesAtOnce extends Store {
  protected override async writeRun(write: RunWrite): Promise<void> {
    await sleep(1);
    await super.writeRun(write);
  }
  override async close(): Promise<void> {
    void super.close();
  }
}
