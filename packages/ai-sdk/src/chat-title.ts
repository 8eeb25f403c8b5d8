import type { UIMessage } from "ai";

const longestTitle = 80;
/** More than enough characters for so many letters. */
const mostRead = 4000;

/** Returns the title of a chat that begins with a question: its text, or as much of it as a list shows; null without text. */
export function titleOf({ parts }: UIMessage): string | null {
  const text = parts
    .flatMap((part) => (part.type === "text" ? [part.text] : []))
    .join(" ")
    .replaceAll(/\s+/g, " ")
    .trim();
  if (text.length <= longestTitle) {
    return text === "" ? null : text;
  }
  const letters = [...new Intl.Segmenter().segment(text.slice(0, mostRead))].map(({ segment }) => segment);
  return `${letters
    .slice(0, longestTitle - 1)
    .join("")
    .trimEnd()}…`;
}
