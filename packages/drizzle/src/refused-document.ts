import type { SessionDbError } from "@sessiondb/core";
import type { Steps } from "./steps.ts";

/** A JSON document that the database cannot hold. Only the flow that writes it knows the caller's name for it. */
export class RefusedDocument extends Error {
  /** The property of the row, such as `sessionData`. */
  readonly column: string;
  /** Returns the error for the caller, who passed the row as `argument`. */
  readonly refusal: (argument: string) => SessionDbError;

  constructor(column: string, refusal: (argument: string) => SessionDbError) {
    super(`${column} was refused`);
    this.column = column;
    this.refusal = refusal;
  }

  override get name(): string {
    return "RefusedDocument";
  }
}

/** Runs a write. Refuses a document under the name of the argument that its column came from. */
export function* namingArguments<Result>(steps: Steps<Result>, argumentOf: (column: string) => string): Steps<Result> {
  try {
    return yield* steps;
  } catch (error) {
    throw error instanceof RefusedDocument ? error.refusal(argumentOf(error.column)) : error;
  }
}
