import { InvalidArgumentError, PayloadTooLargeError, type SessionDbError } from "@sessiondb/core";
import { RefusedDocument, type Steps } from "@sessiondb/drizzle";
import { packetAdvice } from "./mysql-connection.ts";
import { errorNumber, wordless } from "./mysql-errors.ts";

const tooDeep = 3157;
const keyTooLong = 3151;
/** MariaDB's check of a column that it created as JSON. */
const checkFailed = 4025;

type Refusal = (argument: string, column: string) => SessionDbError;

/**
 * Runs a write of a row, and says which of its documents is more than the server holds. The server is asked rather than the
 * JSON searched: so only what is refused costs a look at the text.
 */
export function* refusing<Result>(steps: Steps<Result>, row: object): Steps<Result> {
  try {
    return yield* steps;
  } catch (cause) {
    const documents = documentsOf(row);
    if (cause instanceof PayloadTooLargeError) {
      const { size, limit } = cause;
      throw refused(
        documents,
        (json) => Buffer.byteLength(json),
        (argument) => {
          return new PayloadTooLargeError(argument, { size, limit, advice: packetAdvice }, { cause });
        },
      );
    }
    throw refusalOf(cause, documents) ?? cause;
  }
}

function documentsOf(row: object): [column: string, json: string][] {
  return Object.entries(row).flatMap(([column, value]) =>
    typeof value === "string" && /^[[{]/.test(value) ? [[column, value]] : [],
  );
}

function refusalOf(cause: unknown, documents: [string, string][]): RefusedDocument | null {
  const number = errorNumber(cause);
  const options = { cause: wordless(cause, { names: [] }) };
  if (number === keyTooLong) {
    const expected = "free of keys of more than 65,535 bytes, which MySQL cannot hold";
    return refused(
      documents,
      longestKey,
      (argument, column) => new InvalidArgumentError(pathOf(argument, column), expected, options),
    );
  }
  if (number !== tooDeep && number !== checkFailed) {
    return null;
  }
  const limit = number === tooDeep ? 100 : 31;
  const depth = Math.max(...documents.map(([, json]) => depthOf(json)));
  // A CHECK of the application's own may fail as well.
  return depth <= limit
    ? null
    : refused(documents, depthOf, (argument, column) => {
        const expected = `nested at most ${limit} levels deep in this table, not ${depth}`;
        return new InvalidArgumentError(pathOf(argument, column), expected, options);
      });
}

/** The document of a run is all of it. */
function pathOf(argument: string, column: string): string {
  return column === "runData" ? argument : `${argument}.${column}`;
}

/** Refuses the document that has most of something. */
function refused(documents: [string, string][], measure: (json: string) => number, refusal: Refusal): RefusedDocument {
  const [column] = documents.toSorted(([, a], [, b]) => measure(b) - measure(a))[0] ?? ["document"];
  return new RefusedDocument(column, (argument) => refusal(argument, column));
}

function longestKey(json: string): number {
  const keys = Array.from(json.matchAll(/"(?:[^"\\]|\\.)*"(?=:)/gs), ([key]) => key.length);
  return keys.reduce((longest, length) => Math.max(longest, length), 0);
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
