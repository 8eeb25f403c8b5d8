import {
  SessionComponentMismatchError,
  SessionDbError,
  SessionOwnershipError,
  SessionTypeMismatchError,
  type Session,
  type SessionType,
} from "@sessiondb/core";

/** Who may take part in a session. */
export type SessionAccess = "owner" | "shared";

/** A component, as far as admission to a session asks for it. */
export interface SessionMember {
  readonly id: string;
  readonly sessionType: SessionType;
  readonly access: SessionAccess;
}

/** The codes of errors that refuse what was asked. Every other error is a failure of the storage. */
const refusals: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "RUN_CONFLICT",
  "RUN_NOT_CONTINUABLE",
  "SESSION_COMPONENT_MISMATCH",
  "SESSION_OWNERSHIP",
  "SESSION_TYPE_MISMATCH",
  "STORAGE_DISABLED",
]);

/** Whether a user, or nobody, may take part in a session. Tools do not see what a turn would be refused. */
export function mayTakePart(
  { access }: Pick<SessionMember, "access">,
  { session, userId }: { readonly session: { readonly userId: string | null }; readonly userId: string | null },
): boolean {
  return access === "shared" || session.userId === null || session.userId === userId;
}

/** Refuses a session of another user, kind or component, in this order: nothing is said about another user's session. */
export function admit(
  session: Session,
  { component, userId }: { readonly component: SessionMember; readonly userId: string | null },
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
