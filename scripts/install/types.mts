// A strict user's program, which scripts/test-install.mjs compiles and never runs.
import { Agent, runContextOf, Team, Workflow, type RunResult, type ToolCall } from "@sessiondb/agent";
import { InMemorySessionDb } from "@sessiondb/core";
import { createAgentUIStreamResponse, Output, tool, type InferAgentUIMessage, type UIMessage } from "ai";
import { z } from "zod";

const weather = tool({
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }, options) => {
    const { userId } = runContextOf(options);
    return { city, degrees: 21, userId };
  },
});
const tools = { weather };
const output = Output.object({ schema: z.object({ isWarm: z.boolean() }) });
const sessionStateSchema = z.object({ visits: z.number().default(0), name: z.string().optional() });

/** Options from outside, as a program passes them on. */
interface Config {
  instructions: string | undefined;
  numHistoryRuns: number | undefined;
}

export function assistantOf({ instructions, numHistoryRuns }: Config) {
  return new Agent({
    id: "assistant",
    model: "openai/gpt-5-mini",
    db: new InMemorySessionDb(),
    instructions,
    numHistoryRuns,
    tools,
    generation: { output, temperature: undefined },
    sessionStateSchema,
  });
}

const agent = assistantOf({ instructions: undefined, numHistoryRuns: 3 });
const everyAgent: Agent = agent;
const team = new Team({ model: "openai/gpt-5-mini", members: [agent, everyAgent] });
export const workflow = new Workflow({ steps: [agent, team], sessionStateSchema });

export async function ask(question: string, userId: string, signal: AbortSignal | undefined): Promise<boolean> {
  const result = await agent.run(question, { userId, signal, sessionState: { visits: 1 } });
  const degrees = result.toolCalls.map((call) =>
    !call.dynamic && call.toolName === "weather" && call.state === "output-available" ? call.output.degrees : 0,
  );
  const visits: number = result.sessionState.visits;
  return result.output?.isWarm ?? Math.max(visits, ...degrees) > 20;
}

export async function approve(paused: RunResult): Promise<ToolCall[]> {
  const { runId, sessionId, pendingApprovals } = paused;
  const approvals = pendingApprovals.map(({ toolCallId }) => ({ toolCallId, approved: true }));
  const stream = await agent.continueStream({ runId, sessionId, approvals });
  for await (const { isWarm } of stream.partialOutputStream) {
    console.log(isWarm satisfies boolean | undefined);
  }
  return [...(await stream.result).toolCalls];
}

const session = agent.forSession({ sessionId: "s", userId: "ada" });
export type Message = InferAgentUIMessage<typeof session>;

export async function POST(uiMessages: UIMessage[]): Promise<Response> {
  const { output: answer } = await session.generate({ prompt: "Is it warm?" });
  console.log(answer.isWarm satisfies boolean);
  return createAgentUIStreamResponse({ agent: session, uiMessages });
}
