import { AsyncLocalStorage } from "node:async_hooks";
import type { Run, SessionDb, SessionHeader, UpsertRunResult } from "@sessiondb/core";
import type {
  RunChangeFunction,
  RunScopeQuery,
  RunSelection,
  RunWrite,
  ScopeQuery,
  SessionChangeFunction,
  DeletedBatch,
  MatchingSelection,
  SessionSelection,
  SessionWrite,
  Signal,
} from "@sessiondb/core/adapter";
import type { Draft } from "../key-value/draft.ts";
import type { InMemoryKeyValueService, KeyValueService } from "../key-value/key-value-service.ts";
import { KeyValueSessionDb } from "../key-value/key-value-session-db.ts";

/** What a store does wrong, how to open it, and the case that catches it, with a part of what that says. */
export interface Fault {
  readonly fault: string;
  readonly make: (service: InMemoryKeyValueService) => SessionDb;
  readonly caughtBy: string;
  readonly message: string;
}

export type Write =
  | { readonly method: "writeRun"; readonly write: RunWrite }
  | { readonly method: "writeSessions"; readonly writes: readonly SessionWrite[] }
  | { readonly method: "changeSession" | "changeRun" | "removeSessions" | "removeRuns" };

/** The key-value store, which knows in the middle of a write which call it belongs to. */
export class TracedStore extends KeyValueSessionDb {
  readonly #current = new AsyncLocalStorage<Write>();

  protected get current(): Write {
    return this.#current.getStore() ?? { method: "removeRuns" };
  }

  protected override writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    return this.#current.run({ method: "writeRun", write }, () => super.writeRun(write, signal));
  }

  protected override writeSessions(writes: readonly SessionWrite[], signal: Signal): Promise<SessionHeader[]> {
    return this.#current.run({ method: "writeSessions", writes }, () => super.writeSessions(writes, signal));
  }

  protected override changeSession(
    scope: ScopeQuery,
    change: SessionChangeFunction,
    signal: Signal,
  ): Promise<SessionHeader | null> {
    return this.#current.run({ method: "changeSession" }, () => super.changeSession(scope, change, signal));
  }

  protected override changeRun(scope: RunScopeQuery, change: RunChangeFunction, signal: Signal): Promise<Run | null> {
    return this.#current.run({ method: "changeRun" }, () => super.changeRun(scope, change, signal));
  }

  protected override removeSessions(selection: SessionSelection, signal: Signal): Promise<number> {
    return this.#current.run({ method: "removeSessions" }, () => super.removeSessions(selection, signal));
  }

  protected override removeMatching(selection: MatchingSelection, signal: Signal): Promise<DeletedBatch> {
    return this.#current.run({ method: "removeSessions" }, () => super.removeMatching(selection, signal));
  }

  protected override removeRuns(selection: RunSelection, signal: Signal): Promise<number> {
    return this.#current.run({ method: "removeRuns" }, () => super.removeRuns(selection, signal));
  }
}

/** Changes what a draft holds just before it is committed. */
export class Tampered extends TracedStore {
  readonly #tamper: (draft: Draft, write: Write) => void;

  constructor(service: KeyValueService, tamper: (draft: Draft, write: Write) => void) {
    super(service);
    this.#tamper = tamper;
  }

  protected override changesOf(draft: Draft): ReturnType<KeyValueSessionDb["changesOf"]> {
    this.#tamper(draft, this.current);
    return super.changesOf(draft);
  }
}
