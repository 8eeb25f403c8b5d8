import { isKeptText, shownKey } from "@sessiondb/ai-sdk/codec";
import { present } from "@sessiondb/core/adapter";
import type { AssistantModelMessage, ModelMessage, StepResult, ToolResultPart, ToolSet } from "ai";

// What pages show of an answer and models are not: it is stored with the messages, so that a page can be reloaded.

type Content = StepResult<ToolSet>["content"];
type ContentPart = Content[number];
type MessagePart = Exclude<AssistantModelMessage["content"], string>[number];

interface Shown {
  readonly steps: readonly StepResult<ToolSet>[];
  readonly tools: ToolSet;
  /** What the tools returned, by the id of the call. */
  readonly outputs: ReadonlyMap<string, unknown>;
}

/** Returns the messages of steps with what pages show: sources where they came, titles of tools, results as they were returned. */
export function withShown(messages: readonly ModelMessage[], { steps, tools, outputs }: Shown): ModelMessage[] {
  const said = steps.map(({ content }) => content).filter((content) => content.some(isSpoken));
  let place = 0;
  return messages.map((message) => {
    if (message.role === "tool") {
      return { ...message, content: message.content.map((part) => withRawOutput(part, { tools, outputs })) };
    }
    if (message.role !== "assistant" || typeof message.content === "string") {
      return message;
    }
    const content = said[place];
    place += 1;
    return content === undefined ? message : { ...message, content: merged(message.content, content, tools) };
  });
}

/** Returns a call with what pages show of it. */
export function withShownCall(part: MessagePart, call: object, tools: ToolSet): MessagePart {
  const { title, toolMetadata, dynamic, invalid, toolName } = call as {
    readonly [Name in "title" | "toolMetadata" | "dynamic" | "invalid" | "toolName"]?: unknown;
  };
  const tool = Object.hasOwn(tools, String(toolName)) ? tools[String(toolName)] : undefined;
  const shown = present({
    title: title ?? undefined,
    toolMetadata: toolMetadata ?? undefined,
    // The AI SDK takes a refused call of a known tool for a dynamic one.
    dynamic: (tool === undefined ? dynamic === true : tool.type === "dynamic") || undefined,
    invalid: invalid === true || undefined,
  });
  const added = Object.keys(shown).length === 0 ? {} : { [shownKey]: shown };
  return { ...part, ...added };
}

/** Returns a result with the output that pages show, where the model is shown another form of it. */
export function withShownOutput(result: ToolResultPart, output: unknown): ToolResultPart {
  const added = { [shownKey]: { output } };
  return { ...result, ...added };
}

function withRawOutput<Part extends { readonly type: string }>(
  part: Part,
  { tools, outputs }: Pick<Shown, "tools" | "outputs">,
): Part {
  const result = part as unknown as ToolResultPart;
  const isOther =
    part.type === "tool-result" &&
    Object.hasOwn(tools, result.toolName) &&
    tools[result.toolName]?.toModelOutput !== undefined &&
    outputs.has(result.toolCallId);
  return isOther ? (withShownOutput(result, outputs.get(result.toolCallId)) as unknown as Part) : part;
}

/** Puts the sources of a step between the parts of its message. */
function merged(spoken: readonly MessagePart[], content: Content, tools: ToolSet): MessagePart[] {
  const left = [...spoken];
  const all: MessagePart[] = [];
  for (const part of content) {
    if (part.type === "source") {
      all.push(part as never);
    } else if (isSpoken(part)) {
      const next = left.shift();
      if (next !== undefined) {
        all.push(next.type === "tool-call" ? withShownCall(next, part, tools) : next);
      }
    }
  }
  return [...all, ...left];
}

/** Returns whether a part of a step has one in the step's message, by the rules of the AI SDK. */
function isSpoken(part: ContentPart): boolean {
  switch (part.type) {
    case "source":
      return false;
    case "tool-result":
    case "tool-error":
      return part.providerExecuted === true;
    case "text":
      return isKeptText(part);
    default:
      return (part as { readonly type: string }).type !== "tool-approval-response";
  }
}
