import { InvalidArgumentError } from "./errors.ts";

type CursorPart = string | number;

/** Packs the position after which a list goes on into the opaque text that callers pass back. */
export function encodeCursor(order: string, position: readonly CursorPart[]): string {
  return Buffer.from(JSON.stringify([order, ...position])).toString("base64url");
}

/** Unpacks a cursor; `shape` holds one example of each part. */
export function decodeCursor(cursor: unknown, order: string, shape: readonly CursorPart[]): CursorPart[] {
  const position = readCursor(cursor);
  const [cursorOrder, ...parts] = position;
  const fits =
    cursorOrder === order &&
    parts.length === shape.length &&
    parts.every(
      (part, index) => typeof part === typeof shape[index] && (typeof part === "string" || Number.isFinite(part)),
    );
  if (!fits) {
    throw new InvalidArgumentError("cursor", "the nextCursor of a page that was asked for with the same options");
  }
  return parts as CursorPart[];
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
