import { InvalidArgumentError, type AgentRun, type Run, type SessionDb, type TeamRun } from "@sessiondb/core";
import { checkObject, checkSignal, present } from "@sessiondb/core/adapter";
import type { Agent, AsyncIterableStream, InferGenerateOutput, InferStreamOutput, OutputInterface, ToolSet } from "ai";
import type { Decided } from "./approvals.ts";
import type { Callbacks } from "./callbacks.ts";
import { generationSettings, type CallSettings } from "./generation.ts";
import type { UserInput } from "./model-component-options.ts";
import type { RunInProgress } from "./run-in-progress.ts";
import { RunStream, streamTextResultOf } from "./run-stream.ts";
import { approvalsOf, isAnswered, newMessages, type Answers } from "./session-messages.ts";

type AiAgent<Tools extends ToolSet> = Agent<never, Tools>;
type GenerateOptions<Tools extends ToolSet> = Parameters<AiAgent<Tools>["generate"]>[0];
type StreamOptions<Tools extends ToolSet> = Parameters<AiAgent<Tools>["stream"]>[0];
type Generated<Tools extends ToolSet> = Awaited<ReturnType<AiAgent<Tools>["generate"]>>;
type Streamed<Tools extends ToolSet> = Awaited<ReturnType<AiAgent<Tools>["stream"]>>;

/** The methods of the AI SDK's agent, with the type of the output. */
interface OutputMethods<Tools extends ToolSet, Output extends OutputInterface> {
  generate(options: GenerateOptions<Tools>): Promise<
    Omit<Generated<Tools>, "output" | "experimental_output"> & {
      readonly output: InferGenerateOutput<Output>;
    }
  >;
  stream(options: StreamOptions<Tools>): Promise<
    Omit<Streamed<Tools>, "output" | "partialOutputStream" | "experimental_partialOutputStream"> & {
      readonly output: PromiseLike<InferGenerateOutput<Output>>;
      readonly partialOutputStream: AsyncIterableStream<InferStreamOutput<Output>>;
      readonly experimental_partialOutputStream: AsyncIterableStream<InferStreamOutput<Output>>;
    }
  >;
}

/**
 * The `Agent` of the AI SDK. Its versions 6 and 7 name the type of the output in different places, so the methods that have
 * it come first.
 */
export type SessionAgent<Tools extends ToolSet, Output extends OutputInterface> = OutputMethods<Tools, Output> &
  AiAgent<Tools>;

/** A session in which to look for a run to continue. */
interface SearchedSession {
  readonly db: SessionDb;
  readonly sessionId: string;
  readonly componentId: string;
}

/** A run to continue. */
interface FoundRun {
  readonly run: Run | null;
  /** Returns the decisions about its calls. */
  readonly approvals: (run: AgentRun | TeamRun, tools: ToolSet) => readonly Decided[] | Promise<readonly Decided[]>;
  /** The argument that names the run, for the error if it cannot continue. */
  readonly argument: string;
}

export type FindRun = (session: SearchedSession) => Promise<FoundRun>;

/** The part of an agent or team that answers in one session. */
interface SessionRuns<Tools extends ToolSet> {
  readonly id: string;
  readonly tools: Tools;
  readonly begin: (input: UserInput, call: CallSettings, signal: AbortSignal | undefined) => Promise<RunInProgress>;
  readonly goOn: (find: FindRun, call: CallSettings, signal: AbortSignal | undefined) => Promise<RunInProgress>;
}

/** The states of runs whose calls may wait, or that may go on with the same answers. */
const openStates = ["PAUSED", "RUNNING", "ERROR", "CANCELLED"] as const;
const pageLength = 50;

/** Returns the AI SDK's agent for one session. */
export function sessionAgent<Tools extends ToolSet, Output extends OutputInterface>(
  runs: SessionRuns<Tools>,
): SessionAgent<Tools, Output> {
  const begun = async (given: unknown): Promise<RunInProgress> => {
    const { messages, argument, signal, call } = readCall(given);
    const added = newMessages(messages, argument);
    return added.type === "input"
      ? runs.begin(added.input, call, signal)
      : runs.goOn((session) => answeredRun(added.answers, { ...session, argument }), call, signal);
  };
  const agent = {
    version: "agent-v1",
    id: runs.id,
    tools: runs.tools,
    generate: async (options: unknown) => (await (await begun(options)).answer()).generated,
    stream: async (options: unknown) => streamTextResultOf(await RunStream.start(await begun(options))),
  };
  // The results have the tools and the output of this agent, which the AI SDK was given.
  return agent as unknown as SessionAgent<Tools, Output>;
}

interface Call {
  readonly messages: unknown;
  /** The name under which they were given. */
  readonly argument: string;
  readonly signal: AbortSignal | undefined;
  readonly call: CallSettings;
}

/** Reads the options of a call of the AI SDK's agent. */
function readCall(given: unknown): Call {
  checkObject(given, "options");
  // The AI SDK passes what its caller left out as undefined.
  const { prompt, messages, abortSignal, ...rest } = present(given);
  if ((prompt === undefined) === (messages === undefined)) {
    throw new InvalidArgumentError("prompt", "given, or messages, but not both");
  }
  const named = Object.entries(rest);
  const isCallback = ([name]: [string, unknown]): boolean => /^(experimental_)?on[A-Z]/.test(name);
  return {
    messages: prompt ?? messages,
    argument: prompt === undefined ? "messages" : "prompt",
    signal: checkSignal({ signal: abortSignal }),
    call: {
      settings: generationSettings(Object.fromEntries(named.filter((each) => !isCallback(each))), "options"),
      callbacks: Object.fromEntries(named.filter(isCallback)) as Callbacks,
    },
  };
}

async function answeredRun(
  answers: Answers,
  { db, sessionId, componentId, argument }: SearchedSession & { readonly argument: string },
): Promise<FoundRun> {
  const query = { sessionId, componentId, status: openStates, sortOrder: "desc", limit: pageLength } as const;
  let found: Run | undefined = undefined;
  for await (const { runs } of db.runPages(query)) {
    found = runs.find((run) => isAnswered(run, answers));
    if (found !== undefined) {
      break;
    }
  }
  return {
    run: found ?? null,
    approvals: (run) => approvalsOf(run, answers),
    argument,
  };
}
