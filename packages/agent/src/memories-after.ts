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
  /** Why the memories could not be updated. */
  failure?: { readonly error: unknown };
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
  const said: Said = { place, run, messages };
  const users = waiting.get(memories) ?? new Map<string, Said[]>();
  waiting.set(memories, users);
  users.set(userId, [...(users.get(userId) ?? []), said]);
  const update = async (): Promise<void> => {
    await followUp.add({ on: memories, key: userId, work: () => readAll(users, userId) });
    if (said.failure !== undefined) {
      throw said.failure.error;
    }
  };
  const done = update();
  done.catch((error: unknown) => {
    // Whoever waits is told by the result, unless the request was aborted.
    if (!settings.awaitMemories || scope.signal.aborted) {
      const failure = { userId, sessionId: scope.sessionId, runId: run.runId };
      reportFailure(error, failure, { of: "An update of memories", to: { onMemoryError: settings.onMemoryError } });
    }
  });
  if (settings.awaitMemories) {
    await untilAborted(done, scope.signal);
  }
}

/** Reads all that waits. Never rejects: each piece has its own failure. */
async function readAll(users: Map<string, Said[]>, userId: string): Promise<void> {
  for (let list = users.get(userId); list !== undefined; list = users.get(userId)) {
    users.delete(userId);
    for (const together of byComponent(list)) {
      try {
        await read(together);
      } catch (error) {
        for (const said of together) {
          said.failure = { error };
        }
      }
    }
  }
}

/** Returns what was said to one component after another. */
function byComponent(list: readonly Said[]): Said[][] {
  const groups: Said[][] = [];
  for (const said of list) {
    const last = groups.at(-1);
    if (last?.[0]?.place.settings === said.place.settings) {
      last.push(said);
    } else {
      groups.push([said]);
    }
  }
  return groups;
}

/** Updates the memories of one user from what was said to one component. */
async function read(together: readonly Said[]): Promise<void> {
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

/** Adds tokens to those of the session. Memories that are stored do not fail for it. */
async function count(used: readonly Metrics[], { db, scope, sessionType }: Place): Promise<void> {
  if (used.length > 0) {
    const key = { sessionId: scope.sessionId, sessionType };
    await db
      .updateSession(key, ({ sessionData }) => ({ sessionData: withMetrics(sessionData, used) }))
      .catch(() => null);
  }
}

/** Returns what the user said in a run. */
function saidByUser(run: AgentRun | TeamRun): string[] {
  return messagesIn([run]).flatMap(({ role, content }) =>
    role === "user" && typeof content === "string" && content.trim() !== "" ? [content] : [],
  );
}
