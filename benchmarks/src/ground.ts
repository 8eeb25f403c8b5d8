import type { SessionDb } from "@sessiondb/core";
import type { Bare } from "./bare.ts";

/** What a benchmark fills tables with. */
export interface Contents {
  /** Sessions of one user to append to, named `sessionAt(length, place)`. */
  readonly toAppend: readonly SessionsOfLength[];
  /** How many empty sessions to list, `sessionsOfUser` of each user. */
  readonly toList: number;
}

export interface SessionsOfLength {
  /** How many runs each has. */
  readonly length: number;
  readonly count: number;
}

export const sessionsOfUser = 100;

export function sessionAt(length: number, place: number): string {
  return `${length} ${place}`;
}

/** A layout that keeps all runs of a session in one JSON column of its row. */
export interface OneColumn {
  /** Stores a session with this many runs. */
  put(sessionId: string, length: number): unknown;
  /** Stores a turn: reads the runs, adds one, and writes them all. */
  append(runId: string, sessionId: string): unknown;
  /** A session and its last ten runs. */
  read(sessionId: string): unknown;
}

/** A database in which benchmarks keep tables, as often as they need, each time under a name. */
export interface Ground {
  /** The versions of database and driver. */
  readonly versions: string;
  make(name: string, contents: Contents): Promise<void>;
  /** The store on the tables of a name, closed with the ground. */
  store(name: string): SessionDb;
  /** The work by hand on the tables of a name. */
  bare(name: string): Bare;
  oneColumn(): Promise<OneColumn>;
  close(): Promise<void>;
}
