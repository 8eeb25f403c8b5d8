import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import { jsonObject } from "@sessiondb/core/adapter";

/** What the library notes of a run or a session has such keys: a caller could undo a refusal, or replace another run. */
const reserved = "sessiondb_";

/** Reads metadata that a caller sets: without the keys that are the library's. */
export function freeMetadata(value: unknown, argument: string): JsonObject {
  const metadata = jsonObject(value, argument);
  const key = Object.keys(metadata).find((each) => each.startsWith(reserved));
  if (key !== undefined) {
    throw new InvalidArgumentError(`${argument}.${key}`, `left out: keys that begin with ${reserved} are reserved`);
  }
  return metadata;
}
