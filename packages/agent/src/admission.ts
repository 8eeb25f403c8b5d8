import {
  SessionComponentMismatchError,
  SessionDbError,
  SessionOwnershipError,
  SessionTypeMismatchError,
  type Session,
} from "@sessiondb/core";
import type { Component } from "./component.ts";

/** Errors by which a store refuses what was asked of it. Every other error is a failure of the storage. */
const refusals: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "RUN_CONFLICT",
  "SESSION_COMPONENT_MISMATCH",
  "SESSION_OWNERSHIP",
  "SESSION_TYPE_MISMATCH",
  "STORAGE_DISABLED",
]);

/** Refuses a session of another kind, another component, or another user. */
export function admit(
  session: Session,
  { component, userId }: { readonly component: Component; readonly userId: string | null },
): void {
  const { sessionId, sessionType, componentId } = session;
  if (sessionType !== component.sessionType) {
    throw new SessionTypeMismatchError(sessionId, { expectedType: component.sessionType, storedType: sessionType });
  }
  if (component.access === "owner" && session.userId !== null && session.userId !== userId) {
    throw new SessionOwnershipError(sessionId);
  }
  if (componentId !== null && componentId !== component.id) {
    throw new SessionComponentMismatchError(sessionId, {
      expectedComponent: component.id,
      storedComponent: componentId,
    });
  }
}

/** Whether a store refused what was asked of it, rather than failed. */
export function isRefusal(error: unknown): boolean {
  return SessionDbError.isInstance(error) && refusals.has(error.code);
}
