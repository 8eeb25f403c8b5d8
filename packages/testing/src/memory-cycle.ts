import { SessionDbError, type MemoryDb, type UserMemory } from "@sessiondb/core";

// A writer that leads the memories of two users through the same states again and again, each by one call: `many`, of which
// one user's become `few`, then the other's are cleared, so those are `left`, then `none`.

type Step = "many" | "few" | "left" | "none";

/** A state as it is printed, such as "few 4711-3": the step that led to it, and the cycle. */
export type CycleState = string;

const count = 6;

function usersOf(writer: string): readonly [string, string] {
  return [`${writer}.a`, `${writer}.b`];
}

function factsOf(user: string, cycle: string): string[] {
  return Array.from({ length: count }, (_, index) => `Fact ${index} of ${user} (${cycle})`);
}

function textsOf(step: Step, writer: string, cycle: string): readonly string[] {
  const [a, b] = usersOf(writer);
  const few = [`Fact 0 of ${a}, changed (${cycle})`, `The facts of ${a} (${cycle})`];
  const texts: Record<Step, readonly string[]> = {
    many: [...factsOf(a, cycle), ...factsOf(b, cycle)],
    few: [...few, ...factsOf(b, cycle)],
    left: few,
    none: [],
  };
  return texts[step];
}

/** Reads the memories of a writer's two users. */
export async function memoriesOf(memories: MemoryDb, writer: string): Promise<UserMemory[]> {
  return (await memories.getMemories({ agentId: writer, sortBy: "createdAt" })).memories;
}

/** Returns the state that a writer's memories are in, or what is there instead. */
export function stateOf(memories: readonly UserMemory[], writer: string): CycleState {
  if (memories.length === 0) {
    return "none";
  }
  const texts = memories.map(({ memory }) => memory).toSorted();
  const cycle = /\((.*)\)$/.exec(texts[0] ?? "")?.[1] ?? "";
  const step = (["many", "few", "left"] as const).find(
    (each) => textsOf(each, writer, cycle).toSorted().join() === texts.join(),
  );
  return step === undefined ? `torn: ${texts.join()}` : `${step} ${cycle}`;
}

/** Returns the calls that lead to each state from the memories of the one before. */
function callsFrom(
  memories: MemoryDb,
  writer: string,
  { from, cycle }: { from: readonly UserMemory[]; cycle: string },
) {
  const [a, b] = usersOf(writer);
  const idOf = (text: string): string => from.find(({ memory }) => memory === text)?.memoryId ?? "";
  const add = (userId: string) =>
    factsOf(userId, cycle).map((memory, index) =>
      // An id of the caller's, or one of the store's.
      Object.assign({ userId, memory, agentId: writer }, index % 2 === 0 ? { memoryId: `${userId} ${index}` } : {}),
    );
  const calls: Record<Step, () => Promise<unknown>> = {
    many: () => memories.upsertMemories([...add(a), ...add(b)]),
    few: () => {
      const [first = "", ...others] = factsOf(a, cycle);
      const [changed = "", all = ""] = textsOf("left", writer, cycle);
      return memories.changeMemories({
        userId: a,
        remove: others.map(idOf),
        update: [{ memoryId: idOf(first), memory: changed }],
        add: [{ memory: all, agentId: writer }],
      });
    },
    left: () => memories.clearMemories({ userId: b }),
    none: () => memories.clearMemories({ userId: a }),
  };
  return calls;
}

const nextSteps: Readonly<Record<string, Step>> = { none: "many", many: "few", few: "left", left: "none" };

/**
 * Goes through the states until the signal aborts, whatever fails, and says what it does: "is <state>", "trying <state>",
 * "stored <state>", "failed <code>".
 */
export async function goThroughStates(
  memories: MemoryDb,
  writer: string,
  { say, signal }: { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  let isSettled = false;
  for (let index = 0; !signal.aborted;) {
    try {
      if (!isSettled) {
        // Waits for the locks of the users, so for a commit that is still on its way.
        await memories.upsertMemories(usersOf(writer).map((userId) => ({ userId, memory: "Waited" })));
      }
      const from = await memoriesOf(memories, writer);
      const state = stateOf(from, writer);
      say(`is ${state}`);
      const [step = "", name] = state.split(" ");
      const next = nextSteps[step];
      if (next === undefined) {
        return;
      }
      const current = name ?? `${process.pid}-${index}`;
      index += next === "many" ? 1 : 0;
      const target = next === "none" ? "none" : `${next} ${current}`;
      say(`trying ${target}`);
      isSettled = false;
      await callsFrom(memories, writer, { from, cycle: current })[next]();
      say(`stored ${target}`);
      isSettled = true;
    } catch (error) {
      isSettled = false;
      say(`failed ${SessionDbError.isInstance(error) ? error.code : String(error)}`);
    }
  }
}

const codes = ["DATABASE_BUSY", "DATABASE_UNREACHABLE"];

/** Returns what is wrong in what a writer said: a state that is neither before nor after a call, or a failure of another kind. */
export function wrongOfCycle(lines: readonly string[]): string[] {
  const wrong: string[] = [];
  let possible: readonly string[] = [];
  for (const [index, line] of lines.entries()) {
    const [word = ""] = line.split(" ");
    const state = line.slice(word.length + 1);
    // "seen" is what somebody else saw, while a call may still have been on its way.
    if ((word === "is" || word === "seen") && possible.length > 0 && !possible.includes(state)) {
      wrong.push(lines.slice(Math.max(0, index - 5), index + 1).join(" | "));
    }
    if (word === "failed" && !codes.includes(state)) {
      wrong.push(line);
    }
    if (word === "is" || word === "stored") {
      possible = [state];
    } else if (word === "trying") {
      possible = [...possible, state];
    }
  }
  return wrong;
}
