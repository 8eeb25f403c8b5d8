import type { Message, Session } from "@sessiondb/core";
import { say, table } from "./terminal.ts";

export function showSessions(sessions: readonly Session[]): void {
  table(
    ["session", "type", "of", "name", "runs", "owner", "last used"],
    sessions.map((session) => [
      session.sessionId,
      session.sessionType,
      session.componentId ?? "–",
      session.sessionName ?? "–",
      String(session.runs.length),
      session.userId ?? "–",
      new Date((session.updatedAt ?? session.createdAt) * 1000).toISOString().slice(0, 10),
    ]),
  );
}

/** What was said in a session, in the form that fits its type. */
export function showConversation(session: Session): void {
  if (session.sessionType === "agent") {
    session.getMessages({ skipRoles: ["system"] }).forEach(showMessage);
    return;
  }
  const turns = session.sessionType === "team" ? session.getTeamHistory() : session.getWorkflowHistory();
  for (const { input, output } of turns) {
    say("input", input, "yellow");
    say(session.sessionType, output);
  }
}

export function showMessage({ role, content, toolCalls }: Message): void {
  for (const call of toolCalls ?? []) {
    const { name, arguments: given } = call["function"] as { name: string; arguments: string };
    say("calls", `${name} ${given}`, "magenta");
  }
  if (typeof content === "string" && content !== "") {
    say(role, content, role === "user" ? "yellow" : role === "tool" ? "magenta" : "green");
  }
}
