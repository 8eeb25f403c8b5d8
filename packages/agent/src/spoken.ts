import { isOfTurn } from "@sessiondb/ai-sdk/codec";
import type { Message, Run } from "@sessiondb/core";
import { estimatedTokens } from "./history-tokens.ts";

/** Returns the messages of runs, without those that are no part of their conversations. */
export function messagesIn(runs: readonly Run[]): Message[] {
  return runs.flatMap((run) => (run.runType === "workflow" ? [] : (run.messages ?? []))).filter(isOfTurn);
}

/** Estimates the tokens of what was said. */
export function spokenTokens(messages: readonly Message[]): number {
  return estimatedTokens(spokenIn(messages).map(({ content }) => ({ role: "user", content })));
}

/** Returns what users and assistants said. */
export function spokenIn(messages: readonly Message[]): { role: string; content: string }[] {
  return messages.flatMap((message) => {
    const { role } = message;
    const text = typeof message.content === "string" ? message.content : "";
    const content = role === "user" && text === "" ? mediaOf(message) : text;
    return (role === "user" || role === "assistant") && content !== "" ? [{ role, content }] : [];
  });
}

function mediaOf(message: Message): string {
  const kinds = [
    [message.images, "image"],
    [message.audio, "audio file"],
    [message.videos, "video"],
    [message.files, "file"],
  ] as const;
  const provided = kinds.flatMap(([media, kind]) =>
    (media ?? []).length === 0 ? [] : [`${media?.length} ${kind}${media?.length === 1 ? "" : "s"}`],
  );
  return provided.length === 0 ? "" : `[Provided ${provided.join(", ")}]`;
}
