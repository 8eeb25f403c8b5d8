import type { Message } from "@sessiondb/core";

export const questions = ["Do I need an umbrella there?", "Then pack my bag, please. What did I want to know first?"];

/**
 * Stands in for a language model, so that the demo needs neither network nor key. Like a model it knows nothing but the
 * messages it is given: without the history there is nothing it could say.
 */
export function answer(question: string, history: readonly Message[]): Message[] {
  const asked: Message = { role: "user", content: question };
  const found = history.findLast(({ role }) => role === "tool")?.content;
  if (question === questions[0]) {
    return [asked, { role: "assistant", content: `No. What I found when you asked was: "${textOf(found)}".` }];
  }
  const first = history.find(({ role }) => role === "user")?.content;
  const call = { id: "call-1", type: "function", function: { name: "pack_bag", arguments: '{"umbrella": false}' } };
  return [
    asked,
    { role: "assistant", toolCalls: [call] },
    { role: "tool", toolCallId: "call-1", toolName: "pack_bag", content: "Packed: sunglasses, sun cream." },
    { role: "assistant", content: `The bag is packed. Your first question was: "${textOf(first)}"` },
  ];
}

function textOf(content: Message["content"]): string {
  return typeof content === "string" ? content : "(I have no idea)";
}
