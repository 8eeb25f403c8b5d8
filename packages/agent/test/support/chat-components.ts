import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import type { ChatParts } from "@sessiondb/testing/chats";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { Agent, Team } from "../../src/index.ts";

/** The stores of the tests of chats, by name. */
export const chatStores = [
  ["memory", () => new InMemorySessionDb()],
  ["SQLite", () => new SqliteSessionDb({ file: ":memory:" })],
] as const;

export const chatKinds = ["agent", "team"] as const;

/** Returns an agent, or a team, that answers a chat. */
export function chatComponent(kind: (typeof chatKinds)[number], db: SessionDb, parts: ChatParts): Agent | Team {
  const settings = { id: "a", db, ...parts, numHistoryRuns: 20 };
  const member = new Agent({ id: "m", model: scriptedModel([]) });
  return kind === "agent" ? new Agent(settings) : new Team({ ...settings, members: [member] });
}
