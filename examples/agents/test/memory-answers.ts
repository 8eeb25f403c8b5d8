import type { ChatRequest, Reply } from "@sessiondb/testing/chat-server";

interface Memory {
  readonly memory_id: string;
  readonly memory: string;
}

/** Returns the JSON in an element of a prompt; null without one. */
function dataIn(prompt: string, tag: string): unknown {
  const found = new RegExp(`\n<${tag}>\n(.*)\n</${tag}>`).exec(prompt);
  return found === null ? null : JSON.parse(found[1] ?? "null");
}

const factsIn = (text: string): string[] =>
  [...text.matchAll(/\bI am (allergic to \w+|a \w+)/g)].map(([, fact = ""]) => `Is ${fact}`);

/** What a model that keeps memories would say, by rule. Null if the request is none to it. */
export function memoryAnswer({ messages, tools = [] }: ChatRequest): Reply | null {
  const prompt = messages.map(({ content }) => (typeof content === "string" ? content : "")).join("\n\n");
  const last = messages.at(-1);
  const hasTool = JSON.stringify(tools).includes("update_user_memory");
  const said = dataIn(prompt, "user_messages") as readonly string[] | null;
  const known = (dataIn(prompt, "stored_memories") ?? dataIn(prompt, "memories_from_previous_interactions") ?? []) as (
    | Memory
    | string
  )[];
  if (!hasTool || last?.role === "tool") {
    return hasTool ? { text: "Noted." } : null;
  }
  const text = said === null ? String(last?.content) : said.join("\n");
  const [, unwanted] = /^Forget .*\b(\w+)\.$/m.exec(text) ?? [];
  const add = unwanted === undefined ? factsIn(text).map((memory) => ({ memory })) : [];
  const remove = known.flatMap((each) =>
    typeof each === "object" && unwanted !== undefined && each.memory.includes(unwanted) ? [each.memory_id] : [],
  );
  if (add.length + remove.length > 0) {
    return { calls: [{ name: "update_user_memory", input: { add, remove } }] };
  }
  return said === null ? null : { text: "Nothing to change." };
}

/** Returns what the system message says of the user's memories. */
export function recalled(system: string): readonly string[] {
  const known = (dataIn(system, "memories_from_previous_interactions") ?? []) as (Memory | string)[];
  return known.map((each) => (typeof each === "string" ? each : each.memory));
}
