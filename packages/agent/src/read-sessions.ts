import { InvalidArgumentError, type JsonValue, type Session, type SessionDb, type SessionType } from "@sessiondb/core";
import { checkKeys, checkObject, count, identifier, oneOf, untilAborted } from "@sessiondb/core/adapter";
import { admit, promptData, readHistory, type RunScope, type SessionAccess } from "@sessiondb/turns";

/** The component that a session belongs to: an agent, a team, a workflow, or a description of one. */
export interface SessionSource {
  readonly sessionType: SessionType;
  readonly id: string;
  /** Who may take part in its sessions, and so read them. Default `owner`. */
  readonly access?: SessionAccess;
  /** The store of its sessions. Default: that of the reader. */
  getDb?(): Promise<SessionDb>;
}

/** A session of another component for a run to read. */
export interface SessionToRead {
  sessionId: string;
  /** The agent, team or workflow that it belongs to. Describe one that exists elsewhere, as `{ sessionType, id }`. */
  component: SessionSource;
  /** The number of newest runs to read. Default 10. */
  numRuns?: number | undefined;
}

/** A session to read, checked, with the argument that names it. */
export interface CheckedSession {
  readonly argument: string;
  readonly sessionId: string;
  readonly component: SessionSource & { readonly access: SessionAccess };
  readonly numRuns: number;
}

const typeOf = oneOf<SessionType>("agent", "team", "workflow");
const accessOf = oneOf<SessionAccess>("owner", "shared");
const runsOf = count({ from: 1, otherwise: 10 });

export function sessionsToRead(value: unknown, argument: string): readonly CheckedSession[] {
  if (value !== undefined && !Array.isArray(value)) {
    throw new InvalidArgumentError(argument, "a list of { sessionId, component }, or left out");
  }
  return (value ?? []).map((each: unknown, index) => sessionToRead(each, `${argument}[${index}]`));
}

function sessionToRead(value: unknown, argument: string): CheckedSession {
  checkKeys(value, argument, ["sessionId", "component", "numRuns"]);
  const { sessionId, component, numRuns } = value as Readonly<Record<keyof SessionToRead, unknown>>;
  return {
    argument,
    sessionId: identifier(sessionId, `${argument}.sessionId`),
    component: sourceOf(component, `${argument}.component`),
    numRuns: runsOf(numRuns, `${argument}.numRuns`),
  };
}

function sourceOf(value: unknown, argument: string): CheckedSession["component"] {
  checkObject(value, argument);
  const { sessionType, id, access, getDb } = value;
  if (getDb !== undefined && typeof getDb !== "function") {
    throw new InvalidArgumentError(`${argument}.getDb`, "a function that returns a store, or left out");
  }
  return {
    sessionType: typeOf(sessionType ?? null, `${argument}.sessionType`),
    id: identifier(id, `${argument}.id`),
    access: accessOf(access, `${argument}.access`),
    ...(getDb !== undefined && { getDb: () => getDb.call(value) as Promise<SessionDb> }),
  };
}

/** The component whose run reads. */
interface Reader {
  getDb(): Promise<SessionDb>;
}

/**
 * Returns the sessions as a paragraph of the system message; null for none. Rejects if one cannot be read, whatever
 * `onStorageError` says: it is what the run is about.
 *
 * @throws SessionOwnershipError, SessionTypeMismatchError, SessionComponentMismatchError when a session is another user's
 * or another component's.
 * @throws InvalidArgumentError when it does not exist, or is one user's and the run is in a shared session.
 */
export async function sessionsText(
  sessions: readonly CheckedSession[],
  reader: Reader,
  scope: Pick<RunScope, "access" | "signal" | "userId">,
): Promise<string | null> {
  if (sessions.length === 0) {
    return null;
  }
  const read = Promise.all(sessions.map((session) => readOne(session, reader, scope)));
  return promptData("other_sessions", await untilAborted(read, scope.signal));
}

async function readOne(
  { argument, sessionId, component, numRuns }: CheckedSession,
  reader: Reader,
  { access, signal, userId }: Pick<RunScope, "access" | "signal" | "userId">,
): Promise<JsonValue> {
  const db = await (component.getDb?.() ?? reader.getDb());
  const found = await readHistory(component, {
    db,
    key: { sessionId, signal },
    count: numRuns,
    admit: (session) => admit(session, { component, userId }),
  });
  if (found === null) {
    throw new InvalidArgumentError(`${argument}.sessionId`, "the id of a stored session");
  }
  const { session } = found;
  if (access === "shared" && component.access === "owner" && session.userId !== null) {
    throw new InvalidArgumentError(
      argument,
      'a session that all may see: with access "shared", they would see what is one user\'s alone',
    );
  }
  return { [component.sessionType]: component.id, session_id: sessionId, messages: conversationOf(session) };
}

/** Returns what user and assistant said in a session's runs; for a workflow, what its runs were given and returned. */
export function conversationOf(session: Session): { role: string; content: JsonValue }[] {
  if (session.sessionType === "workflow") {
    return session.getWorkflowHistory().flatMap(({ input, output }) => [
      { role: "user", content: input },
      { role: "assistant", content: output },
    ]);
  }
  const messages = session.getMessages({ skipRoles: ["system", "tool"] });
  return messages.map(({ role, content }) => ({ role, content: content ?? null }));
}
