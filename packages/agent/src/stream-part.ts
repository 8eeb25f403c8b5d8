import type { TextStreamPart, ToolSet } from "ai";

/** A part of the answer of an agent or a team, as the AI SDK streams it. */
export type StreamPart = TextStreamPart<ToolSet>;

declare module "@sessiondb/turns" {
  interface ExecutorParts {
    readonly aiSdk: StreamPart;
  }
}
