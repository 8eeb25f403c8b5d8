import { SessionDbError } from "@sessiondb/core";

/** Warns of what failed beside a run. The message of an error may have content. */
export function warn(what: string, error: unknown): void {
  const kind = SessionDbError.isInstance(error) ? error.code : error instanceof Error ? error.name : typeof error;
  process.emitWarning(`${what}: ${kind}.`, { type: "SessionDbWarning", code: "SESSIONDB_FOLLOW_UP" });
}
