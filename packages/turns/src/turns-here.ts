import type { SessionMember } from "./admission.ts";

/** A turn of this process that is not over. */
export interface TurnHere {
  readonly component: SessionMember;
  readonly sessionId: string;
  readonly userId: string | null;
  readonly runId: string;
  /** Ends the run as CANCELLED. Returns false if its end is being written. */
  cancel(): boolean;
}

/** An id may have several: one that was closed as left, and one that continues it. */
const turns = new Set<TurnHere>();

export function turnBegins(turn: TurnHere): void {
  turns.add(turn);
}

export function turnEnds(turn: TurnHere): void {
  turns.delete(turn);
}

/** Cancels a run of this process. Returns whether there was one. */
export function cancelHere(isIt: (turn: TurnHere) => boolean): boolean {
  return [...turns].filter((turn) => isIt(turn) && turn.cancel()).length > 0;
}
