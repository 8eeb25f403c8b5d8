import { SessionDbError, type SessionDbErrorCode } from "@sessiondb/core";
import { expect } from "vitest";

/** Returns the error that a promise rejects with, which must be one of the library's with this code. */
export async function refusal(promise: Promise<unknown>, code: SessionDbErrorCode): Promise<SessionDbError> {
  const outcome: unknown = await promise.then(
    () => "resolved",
    (error: unknown) => error,
  );
  expect(outcome).toMatchObject({ code });
  if (!SessionDbError.isInstance(outcome)) {
    throw new TypeError("Not an error of the library", { cause: outcome });
  }
  return outcome;
}
