import {
  SessionComponentMismatchError,
  SessionDbError,
  SessionOwnershipError,
  SessionTypeMismatchError,
  type SessionHeader,
  type SessionType,
} from "@sessiondb/core";

/** The users who may take part in a session: its owner alone, or everyone with its id. */
export type SessionAccess = "owner" | "shared";

/** The part of a component on which admission to a session depends. */
export interface SessionMember {
  readonly id: string;
  readonly sessionType: SessionType;
  readonly access: SessionAccess;
}

/** The codes of errors that refuse the request. Every other error is a failure of the storage. */
const refusals: ReadonlySet<string> = new Set([
  "INVALID_ARGUMENT",
  "RUN_CONFLICT",
  "RUN_NOT_CONTINUABLE",
  "SESSION_COMPONENT_MISMATCH",
  "SESSION_OWNERSHIP",
  "SESSION_STATE_MISMATCH",
  "SESSION_TYPE_MISMATCH",
  "STORAGE_DISABLED",
]);

/** Returns whether a user, or nobody, may take part in a session. Tools use it to see no more than a turn may. */
export function mayTakePart(
  { access }: Pick<SessionMember, "access">,
  { session, userId }: { readonly session: { readonly userId: string | null }; readonly userId: string | null },
): boolean {
  return access === "shared" || session.userId === null || session.userId === userId;
}

/** Refuses a session of another user (checked first, to reveal nothing of others' sessions), type or component. */
export function admit(
  session: Pick<SessionHeader, "sessionId" | "userId" | "sessionType" | "componentId">,
  { component, userId }: { readonly component: SessionMember; readonly userId: string | null },
): void {
  const { sessionId, sessionType, componentId } = session;
  if (!mayTakePart(component, { session, userId })) {
    throw new SessionOwnershipError(sessionId);
  }
  const { id: expectedComponent, sessionType: expectedType } = component;
  if (sessionType !== expectedType) {
    throw new SessionTypeMismatchError(sessionId, {
      expectedType,
      storedType: sessionType,
      expectedComponent,
      storedComponent: componentId,
    });
  }
  if (componentId !== null && componentId !== expectedComponent) {
    throw new SessionComponentMismatchError(sessionId, {
      sessionType,
      expectedComponent,
      storedComponent: componentId,
    });
  }
}

/** Returns whether an error is a refusal of the request rather than a failure of the storage. */
export function isRefusal(error: unknown): boolean {
  return SessionDbError.isInstance(error) && refusals.has(error.code);
}
