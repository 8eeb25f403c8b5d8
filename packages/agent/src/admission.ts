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
  "RUN_NOT_CONTINUABLE",
  "SESSION_COMPONENT_MISMATCH",
  "SESSION_OWNERSHIP",
  "SESSION_TYPE_MISMATCH",
  "STORAGE_DISABLED",
]);

/** Whether a user, or nobody, may take part in a session: what a turn is refused, its tools do not see either. */
export function mayTakePart(
  { access }: Pick<Component, "access">,
  { session, userId }: { readonly session: { readonly userId: string | null }; readonly userId: string | null },
): boolean {
  return access === "shared" || session.userId === null || session.userId === userId;
}

/** Refuses a session of another user, another kind, or another component, in this order: of another user's it tells nothing. */
export function admit(
  session: Session,
  { component, userId }: { readonly component: Component; readonly userId: string | null },
): void {
  const { sessionId, sessionType, componentId } = session;
  if (!mayTakePart(component, { session, userId })) {
    throw new SessionOwnershipError(sessionId);
  }
  if (sessionType !== component.sessionType) {
    throw new SessionTypeMismatchError(sessionId, { expectedType: component.sessionType, storedType: sessionType });
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
