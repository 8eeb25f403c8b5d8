import { InvalidArgumentError, PayloadTooLargeError } from "@sessiondb/core";
import type { Steps } from "@sessiondb/drizzle";
import { errorNumber } from "./mysql-errors.ts";

const tooDeep = 3157;
const keyTooLong = 3151;
/** MariaDB's check of a column that it created as JSON. */
const checkFailed = 4025;

/**
 * Runs a write, and names its argument when what it writes is more than the server holds. The server is asked rather than
 * the JSON searched: so only what is refused costs a look at the text.
 */
export function* naming<Result>(argument: string, steps: Steps<Result>, documents: readonly unknown[]): Steps<Result> {
  try {
    return yield* steps;
  } catch (cause) {
    if (cause instanceof PayloadTooLargeError) {
      throw new PayloadTooLargeError(argument, cause, { cause });
    }
    throw refusalOf(cause, argument, documents) ?? cause;
  }
}

function refusalOf(cause: unknown, argument: string, documents: readonly unknown[]): InvalidArgumentError | null {
  const number = errorNumber(cause);
  if (number === keyTooLong) {
    return new InvalidArgumentError(argument, "free of keys of more than 65,535 bytes, which MySQL cannot hold", {
      cause,
    });
  }
  if (number !== tooDeep && number !== checkFailed) {
    return null;
  }
  const depth = Math.max(...documents.map((each) => (typeof each === "string" ? depthOf(each) : 0)));
  const limit = number === tooDeep ? 100 : 31;
  return new InvalidArgumentError(argument, `nested at most ${limit} levels deep in this table, not ${depth}`, {
    cause,
  });
}

/** How many levels of arrays and objects a JSON text has. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/gs)) {
    if (token === "[" || token === "{") {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (token === "]" || token === "}") {
      depth -= 1;
    }
  }
  return deepest;
}
