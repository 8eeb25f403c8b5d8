import type { UIMessage } from "ai";

/** The fields of a part of a page's message that is about a call, in any of its states. */
export interface CallPart {
  readonly type: string;
  readonly toolCallId: string;
  /** Only of a dynamic tool: the type names any other. */
  readonly toolName?: string;
  readonly state: string;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly errorText?: string;
  readonly providerExecuted?: boolean;
  readonly approval?: { readonly id: string; readonly approved?: boolean; readonly reason?: string };
}

/** Returns whether a part is about a call. */
export function isCallPart({ type }: { readonly type: string }): boolean {
  return type === "dynamic-tool" || type.startsWith("tool-");
}

/** Returns what a call of an answer that has ended waits for; null if it waits for nothing. */
export function waitOf({ state, providerExecuted }: CallPart): "approval" | "output" | null {
  return state === "approval-requested"
    ? "approval"
    : state === "input-available" && providerExecuted !== true
      ? "output"
      : null;
}

/** Returns whether a message says anything: a text or a thought of blanks alone does not. */
export function saysAnything({ parts }: UIMessage): boolean {
  return parts.some((part) =>
    part.type === "text" || part.type === "reasoning" ? part.text.trim() !== "" : part.type !== "step-start",
  );
}
