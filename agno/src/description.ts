import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { JsonValue } from "@sessiondb/core";

const program = fileURLToPath(new URL("../describe.py", import.meta.url));

/** What the newest release that is tested stores, as `describe.py` printed it. */
export const testedDescription = fileURLToPath(new URL("../test/fixtures/description.json", import.meta.url));

/** What the release of a Python with Agno stores: tables, keys of its models, names of events, encodings; as JSON text. */
export async function describeAgno(python: string): Promise<string> {
  const { stdout } = await promisify(execFile)(python, [program], { maxBuffer: 2 ** 26 });
  return stdout;
}

/** Characters of a type that are printed. */
const longest = 80;

/** What a description has more, less or otherwise than that of the release that is tested; a line for each. */
export function changesSince(description: string): string[] {
  const tested = JSON.parse(readFileSync(testedDescription, "utf8")) as JsonValue;
  return [...changes(tested, JSON.parse(description) as JsonValue, [])];
}

function* changes(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  path: readonly string[],
): Generator<string> {
  if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      yield* changes(before[key], after[key], [...path, key]);
    }
  } else if (Array.isArray(before) && Array.isArray(after)) {
    for (const item of after.filter((each) => !before.includes(each))) {
      yield `+ ${path.join(" › ")} › ${inShort(item)}`;
    }
    for (const item of before.filter((each) => !after.includes(each))) {
      yield `- ${path.join(" › ")} › ${inShort(item)}`;
    }
  } else if (before === undefined) {
    yield `+ ${path.join(" › ")}: ${inShort(after)}`;
  } else if (after === undefined) {
    yield `- ${path.join(" › ")}: ${inShort(before)}`;
  } else if (before !== after) {
    yield `~ ${path.join(" › ")}: ${inShort(before)} → ${inShort(after)}`;
  }
}

function isObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function inShort(value: JsonValue | undefined): string {
  if (!isObject(value)) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return text.length > longest ? `${text.slice(0, longest)}…` : text;
  }
  const keys = Object.keys(value);
  // What a session leaves in such a table, a delete of the session may have to clear.
  return `${keys.join(", ")}${keys.some((key) => key.endsWith("session_id")) ? " (names a session)" : ""}`;
}
