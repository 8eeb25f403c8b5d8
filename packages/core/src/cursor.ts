import { isStorable } from "./arguments.ts";
import { InvalidArgumentError } from "./errors.ts";

type CursorPart = string | number;

/** Packs the position at which a page starts into the opaque text that callers pass back. */
export function encodeCursor(order: string, position: readonly CursorPart[]): string {
  return Buffer.from(JSON.stringify([order, ...position])).toString("base64url");
}

/** Unpacks a cursor; `shape` holds one example of each part. Text parts must be ids, numbers whole. */
export function decodeCursor(cursor: unknown, order: string, shape: readonly CursorPart[]): CursorPart[] {
  const [cursorOrder, ...parts] = readCursor(cursor);
  const fits =
    cursorOrder === order &&
    parts.length === shape.length &&
    parts.every((part, index) => (typeof shape[index] === "string" ? isId(part) : Number.isSafeInteger(part)));
  if (!fits) {
    throw new InvalidArgumentError("cursor", "a cursor from a page requested with the same options");
  }
  return parts as CursorPart[];
}

/** Whether a cursor was made for this order. */
export function isCursorOf(cursor: unknown, order: string): boolean {
  return readCursor(cursor)[0] === order;
}

/** Cursors come from outside: text that cannot be an id must not reach a database. */
function isId(part: unknown): boolean {
  return typeof part === "string" && part !== "" && isStorable(part);
}

function readCursor(cursor: unknown): unknown[] {
  if (typeof cursor !== "string") {
    return [];
  }
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    return Array.isArray(position) ? position : [];
  } catch {
    return [];
  }
}
