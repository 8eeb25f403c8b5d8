import type { SessionDb } from "@sessiondb/core";
import { jsonSchema, tool, type UserContent } from "ai";
import { expect, test } from "vitest";
import { Agent, Team, type RunOptions, type StorageOptions } from "@sessiondb/agent";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import type { OpenStore } from "./stores.ts";

// What is stored of a run decides what later turns are shown, and nothing else: a run that waits, or that failed in the
// middle, goes on with all that it had; a copy of the session goes on as the original does.

type Prompt = ReturnType<typeof scriptedModel>["prompts"][number];

const picture = Buffer.from("not really a picture").toString("base64");
const withPicture = (text: string): UserContent => [
  { type: "text", text },
  { type: "file", data: picture, mediaType: "image/png" },
];

/** A model whose answers begin with a thought that the provider signed, unless they are streamed. */
function thinkingModel(script: readonly Answer[]): ReturnType<typeof scriptedModel> {
  const model = scriptedModel(script);
  const generate = model.doGenerate.bind(model);
  return Object.assign(model, {
    doGenerate: async (options: Parameters<typeof generate>[0]) => {
      const { content, ...rest } = await generate(options);
      const providerMetadata = { test: { signature: "signed" } };
      return { ...rest, content: [{ type: "reasoning" as const, text: "Hm", providerMetadata }, ...content] };
    },
  });
}

const kinds = ["agent", "team"] as const;
const calls = ["run", "stream"] as const;
/** How the run that waits for an approval goes on: at once, or after the model failed when the tool had run. */
const ways = ["approved", "approved, and then failed"] as const;

interface Setting {
  readonly kind: (typeof kinds)[number];
  readonly call: (typeof calls)[number];
  readonly way: (typeof ways)[number];
  readonly options: StorageOptions;
}

/** Has a conversation of three turns: a tool is called, a tool waits for an approval, and a turn shows what is left. */
async function conversation(db: SessionDb, { kind, call, way, options }: Setting) {
  let paid = 0;
  const input = jsonSchema<object>({ type: "object" });
  const tools = {
    look: tool({ inputSchema: input, execute: () => ({ seen: ["a", "b"] }) }),
    pay: tool({ inputSchema: input, needsApproval: true, execute: () => `Paid ${(paid += 1)}` }),
  };
  const prompts: Prompt[] = [];
  /** A component as another process would make it, with a model that answers this. */
  const componentOf = (...script: Answer[]) => {
    const model = thinkingModel(script);
    Object.assign(model, { prompts: Object.assign(model.prompts, { push: (prompt: Prompt) => prompts.push(prompt) }) });
    const common = { id: "one", model, db, tools, generation: { maxRetries: 0 }, ...options };
    return kind === "agent"
      ? new Agent(common)
      : new Team({ ...common, members: [new Agent({ id: "idle", model: scriptedModel([]) })] });
  };
  const turn = async (component: Agent | Team, text: UserContent | string, at: RunOptions) =>
    call === "run" ? component.run(text, at) : (await component.stream(text, at)).result;
  const at = { sessionId: "s" };

  await turn(componentOf({ calls: [{ name: "look", id: "c1" }] }, "Seen."), withPicture("Look"), at);
  const waiting = await turn(componentOf({ calls: [{ name: "pay", id: "c2" }] }), withPicture("Buy"), at);
  const { runId } = waiting;
  const approvals = waiting.pendingApprovals.map(({ toolCallId }) => ({ toolCallId, approved: true }));
  let failure: unknown = null;
  if (way === "approved, and then failed") {
    const failing = componentOf(new Error("overloaded")).continueRun({ ...at, runId, approvals });
    failure = await failing.catch(String);
    prompts.pop();
  }
  const left = way === "approved" ? approvals : [];
  const { status, text } = await componentOf("Bought.").continueRun({ ...at, runId, approvals: left });
  const goneOn = prompts.at(-1) ?? [];
  const copy = (await componentOf().forkSession(at))?.sessionId ?? "";
  await turn(componentOf("Next."), "Next", at);
  const next = prompts.at(-1) ?? [];
  await turn(componentOf("Next."), "Next", { sessionId: copy });
  const nextOfCopy = prompts.at(-1) ?? [];
  return {
    paid,
    failure,
    status,
    text,
    goneOn,
    next,
    nextOfCopy,
    sessions: [await db.getSession(at), await db.getSession({ sessionId: copy })],
  };
}

const spoken = (prompt: Prompt): Prompt => prompt.filter(({ role }) => role !== "system");
const typesIn = ({ content }: Prompt[number]): string[] =>
  typeof content === "string" ? [] : content.map(({ type }) => type);

/** What the model is shown of a conversation that was stored whole, if it is stored with these options. */
function shownWith(whole: Prompt, { storeMedia = true, storeToolMessages = true }: StorageOptions): Prompt {
  const messages = whole.filter(
    (message) => storeToolMessages || !(message.role === "tool" || typesIn(message).includes("tool-call")),
  );
  return messages.map((message) =>
    message.role === "user" && !storeMedia
      ? { ...message, content: message.content.filter(({ type }) => type !== "file") }
      : message,
  );
}

const booleans = [true, false] as const;
const settings: readonly Setting[] = kinds.flatMap((kind) =>
  calls.flatMap((call) =>
    ways.flatMap((way) =>
      booleans.flatMap((storeMedia) =>
        booleans.flatMap((storeToolMessages) =>
          booleans.map((storeHistoryMessages) => ({
            kind,
            call,
            way,
            options: { storeMedia, storeToolMessages, storeHistoryMessages },
          })),
        ),
      ),
    ),
  ),
);

/** Tries each combination of the options in each kind of conversation. */
export function testStoreOptions(open: OpenStore, only: readonly Setting["kind"][] = kinds): void {
  test.each(settings.filter(({ kind }) => only.includes(kind)))(
    "$kind, $call, $way: $options",
    async ({ options, ...setting }) => {
      await using plainDb = await open();
      await using db = await open();
      const whole = await conversation(plainDb, { ...setting, options: {} });
      const found = await conversation(db, { ...setting, options });

      const failure = setting.way === "approved" ? null : "Error: overloaded";
      expect([found.paid, found.failure, found.status, found.text]).toEqual([1, failure, "COMPLETED", "Bought."]);
      // The run that waited has its own picture and call; the turn before it is as it was stored.
      const before = whole.goneOn.findLastIndex(({ role }) => role === "user");
      expect(spoken(found.goneOn)).toEqual(
        spoken([...shownWith(whole.goneOn.slice(0, before), options), ...whole.goneOn.slice(before)]),
      );
      expect(spoken(found.next)).toEqual(spoken(shownWith(whole.next, options)));
      expect(spoken(found.nextOfCopy)).toEqual(spoken(found.next));

      for (const session of found.sessions) {
        const runs = (session?.runs ?? []).flatMap((run) => (run.runType === "workflow" ? [] : [run]));
        const messages = runs.flatMap((run) => run.messages ?? []);
        expect({
          storeMedia: JSON.stringify(session).includes(picture),
          storeToolMessages: messages.some(({ role }) => role === "tool"),
          storeHistoryMessages: messages.some(({ fromHistory }) => fromHistory === true),
        }).toEqual(options);
        expect(runs.map(({ tools }) => tools?.map(({ result }) => result))).toEqual([
          ['{"seen":["a","b"]}'],
          ["Paid 1"],
          undefined,
        ]);
      }
    },
  );
}
