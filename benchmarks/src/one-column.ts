import { rowOf } from "./data.ts";

// The layout that keeps all runs of a session in one JSON column of its row, and rewrites them on each turn.

export function runsOf(sessionId: string, length: number): string {
  return JSON.stringify(Array.from({ length }, (_, index) => rowOf(`${sessionId} ${index}`, sessionId)));
}

/** The runs of a session with one more, to be stored. */
export function withRun(runs: unknown, runId: string, sessionId: string): string {
  return JSON.stringify([...(runs as unknown[]), rowOf(runId, sessionId)]);
}

export function lastTen(runs: unknown): unknown[] {
  return (runs as unknown[]).slice(-10);
}

export function missing(sessionId: string): Error {
  return new Error(`There is no session ${sessionId} of the user`);
}
