import type { SessionDb } from "@sessiondb/core";
import type { Bare } from "./bare.ts";
import { runOf, sessionOf } from "./data.ts";
import { sessionAt, sessionsOfUser, type SessionsOfLength } from "./ground.ts";
import { warmups, type Contest, type Result } from "./measure.ts";

const lengths = [10, 1000, 10_000] as const;

/** How much slower than the work by hand the store may be, and at 10,000 runs than at 10. */
const aims = { append: 1.25, read: 1.4, list: 1.3, growth: 1.3 };

/** Of length 10 a session for each repetition, so that it stays short; one of each other length. */
export function sessionsToAppend(repetitions: number): SessionsOfLength[] {
  return lengths.map((length) => ({ length, count: length === 10 ? repetitions + warmups : 1 }));
}

function sessionOfTurn(length: number, repetition: number): string {
  return sessionAt(length, length === 10 ? repetition : 0);
}

const count = (value: number): string => value.toLocaleString("en");
const turnOf = (length: number): string => `upsertRun, ${count(length)} runs before`;
const readOf = (length: number): string => `getSession({ runsLimit: 10 }) of ${count(length)} runs`;

interface TurnsOptions {
  readonly store: SessionDb;
  readonly bare: Bare;
  readonly repetitions: number;
}

/** A turn and a read at each length. */
export function turns({ store, bare, repetitions }: TurnsOptions): Contest[] {
  return lengths.flatMap((length): Contest[] => [
    {
      name: turnOf(length),
      atMost: aims.append,
      repetitions,
      store: (repetition) =>
        store.upsertRun({
          session: sessionOf(sessionOfTurn(length, repetition)),
          run: runOf(`new ${length} ${repetition}`),
        }),
      bare: (repetition) => bare.append(`new ${length} ${repetition}`, sessionOfTurn(length, repetition)),
    },
    {
      name: readOf(length),
      atMost: aims.read,
      repetitions,
      store: () => store.getSession({ sessionId: sessionAt(length, 0), runsLimit: 10 }),
      bare: () => bare.read(sessionAt(length, 0)),
    },
  ]);
}

/** What the store takes at 10,000 runs over what it takes at 10. */
export interface Growths {
  readonly upsertRun: number;
  readonly getSession: number;
  readonly atMost: number;
}

export function growthsOf(results: readonly Result[]): Growths {
  const growth = (nameOf: (length: number) => string): number => {
    const at = (length: number): number => results.find(({ name }) => name === nameOf(length))?.store ?? Number.NaN;
    return at(10_000) / at(10);
  };
  return { upsertRun: growth(turnOf), getSession: growth(readOf), atMost: aims.growth };
}

/** 50 headers of one user, from tables that both sides read. */
export function listing({ store, bare, listed, repetitions }: TurnsOptions & { readonly listed: number }): Contest {
  const users = listed / sessionsOfUser;
  return {
    name: `getSessions, 50 of a user's among ${count(listed)}`,
    atMost: aims.list,
    repetitions,
    store: (repetition) => store.getSessions({ userId: `user ${repetition % users}`, limit: 50 }),
    bare: (repetition) => bare.list(`user ${repetition % users}`),
  };
}
