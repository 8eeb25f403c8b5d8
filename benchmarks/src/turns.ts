import type { SessionDb } from "@sessiondb/core";
import type { Bare } from "./bare.ts";
import { runOf, sessionOf } from "./data.ts";
import type { Contest } from "./measure.ts";

export const lengths = [10, 1000, 10_000];

/** How much slower than the same work by hand the store may be. */
const aims = { append: 1.25, read: 1.4, list: 1.3 };

/** Sessions to append to: of length 10 one for each repetition, so that it stays short; one of each other length. */
export function sessionsToAppend(repetitions: number): [sessionId: string, length: number][] {
  return lengths.flatMap((length) =>
    Array.from({ length: length === 10 ? shortSessions(repetitions) : 1 }, (_, index): [string, number] => [
      `${length} ${index}`,
      length,
    ]),
  );
}

function sessionAt(length: number, repetition: number): string {
  return length === 10 ? `10 ${repetition}` : `${length} 0`;
}

/** What a turn costs at each length. Either side has tables of its own. */
export function turns({ store, bare, repetitions }: TurnsOptions): Contest[] {
  return lengths.flatMap((length): Contest[] => [
    {
      name: `upsertRun, ${length} runs before`,
      atMost: aims.append,
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
      atMost: aims.read,
      repetitions: repetitions * 2,
      store: () => store.getSession({ sessionId: sessionAt(length, 0), runsLimit: 10 }),
      bare: () => bare.read(sessionAt(length, 0)),
    },
  ]);
}

interface TurnsOptions {
  readonly store: SessionDb;
  readonly bare: Bare;
  readonly repetitions: number;
}

/** 50 headers of one user, from tables that both sides read. */
export function listing({ store, bare, listed, repetitions }: ListingOptions): Contest {
  const users = listed / sessionsOfUser;
  return {
    name: `getSessions, 50 of a user's among ${listed}`,
    atMost: aims.list,
    repetitions: repetitions * 2,
    store: (repetition) => store.getSessions({ userId: `user ${repetition % users}`, limit: 50 }),
    bare: (repetition) => bare.list(`user ${repetition % users}`),
  };
}

interface ListingOptions extends TurnsOptions {
  readonly listed: number;
}

export const sessionsOfUser = 100;

/** How many short sessions `turns` appends to. */
export function shortSessions(repetitions: number): number {
  return repetitions + 50;
}
