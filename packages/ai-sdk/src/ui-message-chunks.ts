import { getToolName, isToolUIPart, type UIMessage, type UIMessageChunk } from "ai";

/**
 * Returns the chunks of a stream that make a message anew, from its start. The stream of an answer that goes on, after an
 * approval for example, has only what is new: put these in front of it for a page that comes late. Who decided about a
 * call, and what its provider added to a part, is not among them.
 */
export function toUIMessageChunks({ id, parts }: UIMessage): UIMessageChunk[] {
  return [{ type: "start", messageId: id }, ...parts.flatMap((part, index) => chunksOf(part, String(index)))];
}

function chunksOf(part: UIMessage["parts"][number], index: string): UIMessageChunk[] {
  if (isToolUIPart(part)) {
    return [...callOf(part), ...outcomeOf(part)];
  }
  // No id that the rest of the stream could have.
  const id = `earlier-${index}`;
  switch (part.type) {
    case "text":
      return [
        { type: "text-start", id },
        { type: "text-delta", id, delta: part.text },
        { type: "text-end", id },
      ];
    case "reasoning":
      return [
        { type: "reasoning-start", id },
        { type: "reasoning-delta", id, delta: part.text },
        { type: "reasoning-end", id },
      ];
    case "step-start":
      return [{ type: "start-step" }];
    case "file":
    case "source-url":
    case "source-document":
      return [part];
    default:
      return [];
  }
}

type CallPart = Extract<UIMessage["parts"][number], { toolCallId: string }>;

function callOf(part: CallPart): UIMessageChunk[] {
  const { toolCallId, input, approval } = part;
  return [
    {
      type: "tool-input-available",
      toolCallId,
      toolName: getToolName(part),
      input,
      ...(part.type === "dynamic-tool" && { dynamic: true }),
    },
    ...(approval === undefined
      ? []
      : [{ type: "tool-approval-request" as const, toolCallId, approvalId: approval.id }]),
  ];
}

function outcomeOf({ toolCallId, state, output, errorText }: CallPart): UIMessageChunk[] {
  switch (state) {
    case "output-available":
      return [{ type: "tool-output-available", toolCallId, output }];
    case "output-error":
      return [{ type: "tool-output-error", toolCallId, errorText: errorText ?? "" }];
    case "output-denied":
      return [{ type: "tool-output-denied", toolCallId }];
    default:
      return [];
  }
}
