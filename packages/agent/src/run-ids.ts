import { InvalidArgumentError } from "@sessiondb/core";
import type { ComponentOptions } from "./component.ts";

export interface RunIds {
  readonly sessionId: string;
  readonly userId: string | null;
  /** Whether the session id was made here. */
  readonly isNew: boolean;
}

/** Whose turn it is, and in which session: what the run says, else what the component says, else a new session. */
export function runIds(
  options: { readonly sessionId?: string | undefined; readonly userId?: string },
  component: Pick<ComponentOptions, "sessionId" | "userId">,
): RunIds {
  if ("userId" in options && (typeof options.userId !== "string" || options.userId === "")) {
    throw new InvalidArgumentError("userId", "a user id, or left out");
  }
  const sessionId = options.sessionId ?? component.sessionId;
  if (sessionId !== undefined && (typeof sessionId !== "string" || sessionId === "")) {
    throw new InvalidArgumentError("sessionId", "a session id, or left out");
  }
  return {
    sessionId: sessionId ?? crypto.randomUUID(),
    userId: options.userId ?? component.userId ?? null,
    isNew: sessionId === undefined,
  };
}
