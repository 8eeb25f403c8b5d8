import { Agent } from "@sessiondb/agent";
import type { SessionDb } from "@sessiondb/core";
import type { LanguageModel } from "ai";
import { tools } from "./tools.ts";

export type Assistant = ReturnType<typeof assistant>;

/** The agent that answers in all chats. */
export function assistant(model: LanguageModel, db: SessionDb) {
  return new Agent({ id: "assistant", model, db, tools, instructions: "Answer briefly." });
}
