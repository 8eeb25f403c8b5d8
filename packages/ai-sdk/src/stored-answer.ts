import { isDeepStrictEqual } from "node:util";
import type { AgentRun, Message, ToolExecution } from "@sessiondb/core";
import { isJsonObject, unixSeconds } from "@sessiondb/core/adapter";
import { jsonOf, textOf } from "@sessiondb/turns";
import { convertToModelMessages, type UIMessage } from "ai";
import { isCallPart, waitOf, type CallPart } from "./call-part.ts";
import { toStoredMessages } from "./message-codec.ts";
import { withShown, withShownQuestion } from "./shown-message.ts";
import { toUIMessages } from "./ui-messages.ts";

/** What a turn said, as a page shows it. */
interface Turn {
  readonly run: Omit<AgentRun, "runType">;
  readonly question: UIMessage;
  /** Null if there is none, or none yet. */
  readonly answer: UIMessage | null;
  readonly status: NonNullable<AgentRun["status"]>;
}

/** Returns the run of a turn. What the fields of Agno do not tell of a page's messages is kept beside them. */
export async function storedTurn({ run, question, answer, status }: Turn): Promise<AgentRun> {
  const createdAt = run.createdAt ?? unixSeconds();
  const stored = async (message: UIMessage): Promise<Message[]> =>
    toStoredMessages(await convertToModelMessages([message]), { createdAt });
  const [asked = { role: "user" }] = await stored(question);
  const said = answer === null ? [] : await stored(answer);
  const tools = answer === null ? [] : executionsIn(answer);
  const make = (messages: Message[]): AgentRun => ({
    runType: "agent",
    ...run,
    createdAt,
    status,
    input: { inputContent: textIn(question) },
    content: answer === null ? null : textIn(answer),
    contentType: "str",
    messages,
    ...(tools.length > 0 && { tools }),
  });
  const first = withShownQuestion(asked, question);
  if (answer === null) {
    return make([first]);
  }
  const [opening = { role: "assistant", content: "" }, ...rest] = said;
  const plain = make([first, { ...opening, id: answer.id }, ...rest]);
  const shown = toUIMessages({ runs: [plain] }, shownWhole).at(-1);
  const keepsParts = !isDeepStrictEqual(jsonOf(shown?.parts), jsonOf(answer.parts));
  return make([first, withShown({ ...opening, id: answer.id }, answer, keepsParts), ...rest]);
}

/** A page is shown all that is kept. */
export const shownWhole = { sendReasoning: true, sendSources: true, onError: String } as const;

function textIn({ parts }: UIMessage): string {
  return parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}

/** Returns the calls of an answer, as other readers of the run find them. */
function executionsIn({ parts }: UIMessage): ToolExecution[] {
  return (parts as unknown as readonly CallPart[]).filter(isCallPart).map((part): ToolExecution => {
    const { type, toolCallId, toolName, input, output, errorText, approval } = part;
    const args = jsonOf(input);
    const wait = waitOf(part);
    const result = output === undefined ? errorText : textOf(output);
    return {
      toolCallId,
      toolName: type === "dynamic-tool" ? (toolName ?? "") : type.slice("tool-".length),
      toolArgs: isJsonObject(args) ? args : { input: args },
      ...(result !== undefined && { result, toolCallError: output === undefined }),
      ...(approval !== undefined && {
        approvalId: approval.id,
        requiresConfirmation: wait === "approval",
        ...(approval.approved !== undefined && { confirmed: approval.approved }),
        ...(approval.reason !== undefined && { confirmationNote: approval.reason }),
      }),
      ...(wait === "output" && { externalExecutionRequired: true }),
    };
  });
}
