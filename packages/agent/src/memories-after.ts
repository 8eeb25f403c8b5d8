import type { AgentRun, MemoryDb, Metrics, SessionDb, SessionType, TeamRun } from "@sessiondb/core";
import { untilAborted } from "@sessiondb/core/adapter";
import { withMetrics, type RunScope } from "@sessiondb/turns";
import { reportFailure, type FollowUp } from "./follow-up.ts";
import { MemoryManager } from "./memory-manager.ts";
import { checkKeepsMemories } from "./memory-options.ts";
import type { ModelComponentSettings } from "./model-component-options.ts";
import { messagesIn } from "./spoken.ts";

interface Place {
  readonly settings: ModelComponentSettings;
  readonly sessionType: SessionType;
  readonly scope: Pick<RunScope, "sessionId" | "signal" | "prices">;
  readonly userId: string;
  readonly db: SessionDb;
  readonly followUp: FollowUp;
}

/** What a user said in one run, which the memories are to be updated from. */
interface Said {
  readonly place: Place;
  readonly run: AgentRun | TeamRun;
  readonly messages: readonly string[];
  /** Called once it has been read. */
  readonly done: () => void;
  /** Called if it could not be. */
  readonly fail: (error: unknown) => void;
}

/** What users said that waits to be read, by store and user. */
const waiting = new WeakMap<MemoryDb, Map<string, Said[]>>();

/**
 * Has the memories of a run's user updated from what the user said. Rejects with the error only if results wait for it. The
 * updates of one user come one after another, in the order of the runs; what has come meanwhile is read together.
 */
export async function rememberAfter(run: AgentRun | TeamRun, place: Place): Promise<void> {
  const { settings, scope, userId, db, followUp } = place;
  const messages = saidByUser(run);
  if (messages.length === 0) {
    return;
  }
  const memories = checkKeepsMemories(db, "updateMemoryOnRun");
  const users = waiting.get(memories) ?? new Map<string, Said[]>();
  waiting.set(memories, users);
  const read = new Promise<void>((done, fail) => {
    users.set(userId, [...(users.get(userId) ?? []), { place, run, messages, done, fail }]);
  });
  void followUp.add({ on: memories, key: userId, work: () => readAll(users, userId) });
  read.catch((error: unknown) => {
    // Whoever waits is told by the result, unless the request was aborted.
    if (!settings.awaitMemories || scope.signal.aborted) {
      const failure = { userId, sessionId: scope.sessionId, runId: run.runId };
      reportFailure(error, failure, { of: "An update of memories", to: { onMemoryError: settings.onMemoryError } });
    }
  });
  if (settings.awaitMemories) {
    await untilAborted(read, scope.signal);
  }
}

/** Reads what waits by now; what comes meanwhile has its own turn. Never rejects: each piece has its own failure. */
async function readAll(users: Map<string, Said[]>, userId: string): Promise<void> {
  const list = users.get(userId) ?? [];
  users.delete(userId);
  for (const together of byComponent(list)) {
    const failure = await failureOf(together);
    if (failure === null || together.length === 1 || isTimeout(failure.error)) {
      together.forEach((said) => settle(said, failure));
      continue;
    }
    // One that no model takes must not cost the others. A model that hangs takes none of them.
    for (const said of together) {
      settle(said, await failureOf([said]));
    }
  }
}

/** Reads what was said. Returns the error; null without one. */
async function failureOf(together: readonly Said[]): Promise<{ readonly error: unknown } | null> {
  try {
    await readTogether(together);
    return null;
  } catch (error) {
    return { error };
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function settle({ done, fail }: Said, failure: { readonly error: unknown } | null): void {
  if (failure === null) {
    done();
  } else {
    fail(failure.error);
  }
}

/** Characters of what a user said that a model is given together: what is longer is read one after the other. */
const mostTogether = 20_000;

/** Returns what was said to one component after another, in parts that are read together. */
function byComponent(list: readonly Said[]): Said[][] {
  const groups: Said[][] = [];
  let size = 0;
  for (const said of list) {
    const last = groups.at(-1);
    const length = said.messages.join("").length;
    if (last?.[0]?.place.settings === said.place.settings && size + length <= mostTogether) {
      last.push(said);
      size += length;
    } else {
      groups.push([said]);
      size = length;
    }
  }
  return groups;
}

/** Updates the memories of one user from what was said to one component. */
async function readTogether(together: readonly Said[]): Promise<void> {
  const newest = together.at(-1);
  const memories = newest?.place.db.forUser(newest.place.userId).memories ?? null;
  if (newest === undefined || memories === null) {
    return;
  }
  const { place, run } = newest;
  const { settings, scope } = place;
  const used: Metrics[] = [];
  const manager = settings.memoryManager ?? new MemoryManager();
  const signal = AbortSignal.timeout(settings.memoryTimeout);
  try {
    const update = manager.updateMemories({
      memories,
      messages: together.flatMap(({ messages }) => messages),
      model: settings.model,
      ...(run.runType === "agent" ? { agentId: run.agentId ?? undefined } : { teamId: run.teamId ?? undefined }),
      signal,
      count: (metrics) => used.push(metrics),
      prices: scope.prices,
    });
    await untilAborted(update, signal);
  } finally {
    await count(used, place);
  }
}

/** Adds tokens to those of the session. Memories that are stored do not fail for it, nor wait for it without end. */
async function count(used: readonly Metrics[], { db, scope, sessionType, settings }: Place): Promise<void> {
  if (used.length === 0) {
    return;
  }
  const signal = AbortSignal.timeout(settings.memoryTimeout);
  const key = { sessionId: scope.sessionId, sessionType, signal };
  try {
    const counted = db.updateSession(key, ({ sessionData }) => ({ sessionData: withMetrics(sessionData, used) }));
    await untilAborted(counted, signal);
  } catch {
    // The memories tell what was remembered; the cost of this update is not known.
  }
}

/** Returns what the user said in a run. */
function saidByUser(run: AgentRun | TeamRun): string[] {
  return messagesIn([run]).flatMap(({ role, content }) =>
    role === "user" && typeof content === "string" && content.trim() !== "" ? [content] : [],
  );
}
