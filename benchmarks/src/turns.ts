import type { SessionDb } from "@sessiondb/core";
import { runOf, sessionOf } from "./data.ts";
import type { Contest } from "./measure.ts";

export const lengths = [10, 1000, 10_000];

/** The store's work by hand, as a careful user of the driver would have it. */
export interface Bare {
  append(runId: string, sessionId: string): Promise<unknown>;
  read(sessionId: string): Promise<unknown>;
  /** 50 sessions, and one that tells whether there are more. */
  list(userId: string): Promise<unknown>;
}

/** Sessions to append to: of length 10 one for each repetition, so that it stays short; one of each other length. */
function sessionAt(length: number, repetition: number): string {
  return length === 10 ? `10 ${repetition}` : `${length} 0`;
}

/** What a turn costs at each length. Either side has tables of its own. */
export function turns({ store, bare, ...sizes }: { store: SessionDb; bare: Bare } & Sizes): Contest[] {
  const { atMost, repetitions } = sizes;
  return lengths.flatMap((length): Contest[] => [
    {
      name: `upsertRun, ${length} runs before`,
      atMost,
      repetitions,
      store: (repetition) =>
        store.upsertRun({
          session: sessionOf(sessionAt(length, repetition)),
          run: runOf(`new ${length} ${repetition}`),
        }),
      bare: (repetition) => bare.append(`new ${length} ${repetition}`, sessionAt(length, repetition)),
    },
    {
      name: `getSession({ runsLimit: 10 }) of ${length} runs`,
      atMost,
      repetitions: repetitions * 2,
      store: () => store.getSession({ sessionId: sessionAt(length, 0), runsLimit: 10 }),
      bare: () => bare.read(sessionAt(length, 0)),
    },
  ]);
}

export interface Sizes {
  readonly atMost: number;
  readonly repetitions: number;
}

/** 50 headers of one user, from tables that both sides read. */
export function listing({ store, bare, listed, repetitions }: ListingOptions): Contest {
  const users = listed / sessionsOfUser;
  return {
    name: `getSessions, 50 of a user's among ${listed}`,
    atMost: 1.3,
    repetitions: repetitions * 2,
    store: (repetition) => store.getSessions({ userId: `user ${repetition % users}`, limit: 50 }),
    bare: (repetition) => bare.list(`user ${repetition % users}`),
  };
}

interface ListingOptions {
  readonly store: SessionDb;
  readonly bare: Bare;
  readonly listed: number;
  readonly repetitions: number;
}

export const sessionsOfUser = 100;

/** How many short sessions `turns` appends to. */
export function shortSessions(repetitions: number): number {
  return repetitions + 50;
}
