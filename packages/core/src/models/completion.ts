import type { JsonValue } from "../json.ts";

/** What a run takes from the session it is stored under; a message, or a run inside a run, takes it from that run. */
export interface Enclosing {
  /** Undefined for a session. */
  readonly runId?: JsonValue | undefined;
  readonly sessionId: JsonValue;
  readonly createdAt: JsonValue;
  readonly userId?: string | undefined;
  /** The id of the session's agent, team or workflow, whichever the run belongs to. */
  readonly componentId?: string | null | undefined;
}

/** Where an object of a run stands. */
export interface Position {
  readonly within: Enclosing;
  /** In its list. */
  readonly index: number;
}

/**
 * Returns what Agno finds under a key that it always writes, or undefined if the key stays absent.
 *
 * @param value what is there.
 * @param owner the model, or its JSON: `content` has that name in both.
 */
export type Completion = (
  value: JsonValue | undefined,
  position: Position,
  owner: { readonly content?: JsonValue },
) => JsonValue | undefined;

/** Completions by key. Keys that are absent are added in this order. */
export type Completions = Readonly<Record<string, Completion>>;
