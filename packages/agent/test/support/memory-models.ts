import { scriptedModel, shown, type Answer } from "@sessiondb/testing/scripted-model";

/** A memory as a model is shown it. */
export interface ShownMemory {
  readonly memory_id: string;
  readonly memory: string;
  readonly topics: readonly string[];
}

/** What a model that keeps memories was given. */
export interface Asked {
  readonly stored: readonly ShownMemory[];
  readonly messages: readonly string[];
  /** The whole prompt. */
  readonly prompt: string;
  /** The number of the call, from 0. */
  readonly index: number;
}

export interface Changes {
  readonly add?: readonly { readonly memory: string; readonly topics?: readonly string[] }[];
  readonly update?: readonly {
    readonly memory_id: string;
    readonly memory: string;
    readonly topics?: readonly string[];
  }[];
  readonly remove?: readonly string[];
}

/** Returns the JSON in an element of a prompt. */
export function dataIn(prompt: string, tag: string): unknown {
  const found = new RegExp(`\\n<${tag}>\\n(.*)\\n</${tag}>`, "s").exec(prompt);
  return found === null ? null : JSON.parse(found[1] ?? "null");
}

/** A model that keeps memories as `decide` says: by changes, by an answer of another kind, or by nothing. */
export function memoryModel(decide: (asked: Asked) => Changes | Answer | null | Promise<Changes | Answer | null>) {
  const asked: Asked[] = [];
  const model = scriptedModel(async ({ prompt: messages }, index) => {
    const prompt = shown(messages).join("\n\n");
    const call: Asked = {
      stored: (dataIn(prompt, "stored_memories") ?? []) as ShownMemory[],
      messages: (dataIn(prompt, "user_messages") ?? []) as string[],
      prompt,
      index,
    };
    asked.push(call);
    const decided = await decide(call);
    if (decided === null) {
      return "Nothing to change.";
    }
    const isAnswer = typeof decided === "string" || decided instanceof Error || !isChanges(decided);
    return isAnswer ? (decided as Answer) : { calls: [{ name: "update_user_memory", input: decided }] };
  });
  return Object.assign(model, { asked });
}

function isChanges(value: object): boolean {
  return ["add", "update", "remove"].some((name) => name in value);
}

/** A model that keeps what follows "remember: " in what the user says, deletes what follows "forget: ". */
export function obedientModel() {
  return memoryModel(({ messages, stored }) => {
    const text = messages.join("\n");
    const add = [...text.matchAll(/remember: (.*)/g)].map(([, memory = ""]) => ({ memory }));
    const forgotten = [...text.matchAll(/forget: (.*)/g)].map(([, word = ""]) => word);
    const remove = stored.filter(({ memory }) => forgotten.some((word) => memory.includes(word)));
    return add.length + remove.length === 0 ? null : { add, remove: remove.map(({ memory_id: id }) => id) };
  });
}
