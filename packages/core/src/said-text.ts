import type { JsonValue } from "./json.ts";
import { isJsonObject } from "./json.ts";
import { inputOf, isMemberRun } from "./models/history.ts";
import type { Run } from "./models/runs.ts";
import { foldName } from "./session-rules.ts";

// What user and assistant said in a run, and where a text is in it.

/** The longest text to search for, in UTF-16 units. It fits into an excerpt, and bounds the comparisons. */
export const longestSearch = 200;
const longestExcerpt = 300;
/** How much of an excerpt comes before the text. */
const lead = 60;

/** A text, and who said it. */
export interface Said {
  readonly role: "user" | "assistant";
  readonly text: string;
}

/**
 * Returns what was said in a run, in order: its input, the messages of user and assistant, and its answer. What was
 * said inside a turn, between members or to tools, is left out, and so is an answer that another has replaced.
 */
export function saidIn(run: Run): Said[] {
  if (isMemberRun(run) || run.status?.toUpperCase() === "REGENERATED") {
    return [];
  }
  const said = (role: Said["role"], content: JsonValue | undefined): Said[] =>
    textsOf(content).map((text) => ({ role, text }));
  const messages = run.runType === "workflow" ? [] : (run.messages ?? []);
  return [
    ...said("user", inputOf(run)),
    ...messages.flatMap(({ role, content, fromHistory }) =>
      fromHistory !== true && (role === "user" || role === "assistant") ? said(role, content) : [],
    ),
    ...said("assistant", run.content),
  ];
}

/**
 * Returns the texts in a content, in order: text itself, the texts of a list of parts, or those of a structured value.
 * The data of images and files is no text.
 */
function textsOf(content: JsonValue | undefined): string[] {
  const texts: string[] = [];
  // A list of what to do next, since what another program stored may be nested deeper than calls can be.
  const rest: (JsonValue | undefined)[] = [content];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value === "string") {
      if (!value.startsWith("data:")) {
        texts.push(value);
      }
    } else if (Array.isArray(value)) {
      pushReversed(rest, value);
    } else if (isJsonObject(value)) {
      pushReversed(rest, isPart(value) ? [value["text"]] : Object.values(value));
    }
  }
  return texts;
}

/** Whether a value is a part of a message, such as `{ type: "text", text }` or `{ type: "image_url", image_url }`. */
function isPart(value: Readonly<Record<string, JsonValue | undefined>>): boolean {
  return typeof value["type"] === "string" && (typeof value["text"] === "string" || mediaParts.test(value["type"]));
}

const mediaParts = /image|audio|video|file|document|media/;

function pushReversed<Item>(list: Item[], items: readonly Item[]): void {
  for (let index = items.length - 1; index >= 0; index -= 1) {
    list.push(items[index] as Item);
  }
}

/** Returns the surroundings of the first place that has a text folded by `foldName`, or null without one. */
export function excerptOf(text: string, folded: string): string | null {
  const found = foldName(text).indexOf(folded);
  return found === -1 ? null : excerptFrom(text, Math.max(0, unfolded(text, found) - lead));
}

/** Returns the place in a text of a place in its folded form, which lacks the dots that folding takes away. */
function unfolded(text: string, place: number): number {
  let dots = 0;
  for (const { index } of text.matchAll(/[iIİ]\u0307/g)) {
    if (index + 1 - dots > place) {
      break;
    }
    dots += 1;
  }
  return place + dots;
}

/** Marks what it leaves out on either side. Never cuts a character of two units in half. */
function excerptFrom(text: string, wanted: number): string {
  if (text.length <= longestExcerpt) {
    return text;
  }
  const length = longestExcerpt - 2;
  let start = Math.min(wanted, text.length - length);
  let end = start + length;
  if (start > 0 && isLowSurrogate(text, start)) {
    start += 1;
  }
  if (isLowSurrogate(text, end)) {
    end -= 1;
  }
  return `${start > 0 ? "…" : ""}${text.slice(start, end)}${end < text.length ? "…" : ""}`;
}

function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
