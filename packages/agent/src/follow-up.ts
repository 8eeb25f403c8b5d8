import { aFunction, flag, milliseconds, optional, type OptionReaders, type OptionsRead } from "@sessiondb/core/adapter";
import { guarded, PendingWork, warn } from "@sessiondb/turns";
import { backgroundWorkOn } from "./background-work.ts";

/** The place of an error that no result can tell. */
export interface SummaryFailure {
  readonly sessionId: string;
  /** The run after which the summary was made. */
  readonly runId: string;
}

/** What follows an answer. */
export interface FollowUpOptions {
  /**
   * Takes the promise of each piece of work that no answer waits for, such as a summary or a hook, for hosts that stop a
   * function once it has answered. It never rejects.
   */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /** Whether results wait for the summary, and tell its error. Default false: it follows the answer. */
  awaitSummaries?: boolean | undefined;
  /** Takes the errors of summaries that no result waits for. Default: a process warning without content. */
  onSummaryError?: ((error: unknown, failure: SummaryFailure) => void) | undefined;
  /** Milliseconds after which a summary is given up. Default 60,000. */
  summaryTimeout?: number | undefined;
}

export const followUpReaders = {
  waitUntil: optional(aFunction<NonNullable<FollowUpOptions["waitUntil"]>>()),
  awaitSummaries: flag(false),
  onSummaryError: optional(aFunction<NonNullable<FollowUpOptions["onSummaryError"]>>()),
  summaryTimeout: milliseconds({ from: 1, otherwise: 60_000 }),
} satisfies OptionReaders<FollowUpOptions>;

type FollowUpSettings = OptionsRead<typeof followUpReaders>;

interface Task {
  /** The store that the work is on. */
  readonly on: object;
  /** The part of it, such as a session, on which only one piece of work is done at a time. */
  readonly key: string;
  readonly work: () => Promise<void>;
}

/** The work of one component that follows its answers. */
export class FollowUp {
  /** The hooks that are under way. */
  readonly hooks: PendingWork;
  readonly #pending: PendingWork;

  constructor({ waitUntil }: FollowUpSettings) {
    this.hooks = new PendingWork(waitUntil);
    this.#pending = new PendingWork(waitUntil);
  }

  /** Does work on a part of a store once none is under way there. Settles with it. */
  add({ on, key, work }: Task): Promise<void> {
    const done = backgroundWorkOn(on).add(key, work);
    this.#pending.add(done);
    return done;
  }

  /** Resolves once nothing is under way, but for hooks that take too long. */
  async idle(): Promise<void> {
    await this.#pending.idle();
    await this.hooks.hooksEnded();
  }
}

/** Tells the application the error of work that no result waits for. */
export function reportFailure<Failure>(
  error: unknown,
  failure: Failure,
  { of: what, to: handlers }: { readonly of: string; readonly to: Handlers<Failure> },
): void {
  const [[option, handler] = ["", undefined]] = Object.entries(handlers);
  if (handler === undefined) {
    warn(`${what} failed`, error);
    return;
  }
  void guarded(option, () => handler(error, failure));
}

/** The handler of an option, by the name of the option. */
type Handlers<Failure> = Readonly<Record<string, ((error: unknown, failure: Failure) => unknown) | undefined>>;
