import type { SessionDbError } from "@sessiondb/core";
import type { Steps } from "./steps.ts";

/**
 * A JSON document that the database does not hold. An adapter knows its column; what the caller calls it, the flow that
 * writes it does.
 */
export class RefusedDocument extends Error {
  /** The property of the row, such as `sessionData`. */
  readonly column: string;
  /** The error for the caller, who gave the row as `argument`. */
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

/** Runs a write, and refuses a document by the argument that its column came from. */
export function* namingArguments<Result>(steps: Steps<Result>, argumentOf: (column: string) => string): Steps<Result> {
  try {
    return yield* steps;
  } catch (error) {
    throw error instanceof RefusedDocument ? error.refusal(argumentOf(error.column)) : error;
  }
}
