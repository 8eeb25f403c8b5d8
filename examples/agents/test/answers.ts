import type { ChatRequest, Reply } from "@sessiondb/testing/chat-server";
import { memoryAnswer, recalled } from "./memory-answers.ts";

const said = (request: ChatRequest, role: string): string[] =>
  request.messages.filter((message) => message.role === role).map(({ content }) => textOf(content));

/** What a model would say in the examples, by rule. */
export function answer(request: ChatRequest): Reply {
  const users = said(request, "user");
  const [last = ""] = users.slice(-1);
  const kept = memoryAnswer(request);
  if (kept !== null) {
    return kept;
  }
  if (last === "What do you know about me?") {
    const known = recalled(said(request, "system").join("\n"));
    return { text: known.length === 0 ? "Nothing yet." : known.toSorted().join(", ") };
  }
  if (last === "Is it warm in Rome?") {
    return request.messages.at(-1)?.role === "tool"
      ? { text: '{"isWarm":true}' }
      : { calls: [{ name: "weather", input: { city: "Rome" } }] };
  }
  if (request.response_format !== undefined) {
    const [, about = ""] = /.*"role":"user","content":"([^"]*)"/s.exec(last) ?? [];
    return { text: JSON.stringify({ summary: `About ${about}`, topics: ["travel"] }) };
  }
  const [, read] = /<other_sessions>.*?"content":"([^"]*)"/s.exec(said(request, "system").join("\n")) ?? [];
  if (read !== undefined) {
    return { text: `The user wrote: ${read}` };
  }
  if (said(request, "system").some((text) => text.startsWith("Name the conversation"))) {
    return { text: "A short name" };
  }
  if (request.messages.at(-1)?.role === "tool") {
    return { text: `The member said: ${said(request, "tool").at(-1)}` };
  }
  if (last === "Tell me everything.") {
    return { text: "And then. ".repeat(1000), chunks: 1000, chunkDelay: 10 };
  }
  if (last.startsWith("Add ")) {
    return { calls: [{ name: "addItem", input: { item: last.slice(4, -1) } }] };
  }
  if (last.startsWith("Have the writer")) {
    const input = { member_id: "writer", task: "Write a line about tea." };
    return { calls: [{ name: "delegate_task_to_member", input }] };
  }
  return { text: answerTo(last, users.slice(0, -1).join("\n")) };
}

function answerTo(question: string, before: string): string {
  const known = (pattern: RegExp): string | undefined => pattern.exec(before)?.[1];
  switch (question) {
    case "What is my name?":
      return known(/name is (\w+)/) === undefined ? "I do not know." : `Your name is ${known(/name is (\w+)/)}.`;
    case "What do I like?":
      return `You like ${known(/like (\w+)/)}.`;
    case "I am Bob. Who brings the tea?":
      return `${known(/I am (\w+), and I bring/)} brings it.`;
    default:
      return `Answer to: ${question}`;
  }
}

function textOf(content: unknown): string {
  if (Array.isArray(content)) {
    return content
      .map((part: unknown) => (typeof part === "object" && part !== null && "text" in part ? String(part.text) : ""))
      .join("");
  }
  return typeof content === "string" ? content : "";
}
