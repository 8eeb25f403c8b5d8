import { SessionDbError, type SessionDbErrorCode } from "@sessiondb/core";
import { expect } from "vitest";

/** What a promise rejects with, which must be an error of the library with this code. */
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
