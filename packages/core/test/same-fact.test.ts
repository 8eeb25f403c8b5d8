import { foldName, sameFact } from "@sessiondb/core/adapter";
import { expect, test } from "vitest";

/** The rule without its shortcuts. */
function plainly(text: string): string {
  return foldName(text.normalize("NFKC"))
    .replace(/\s+/gu, " ")
    .trim()
    .replace(/(?<=.)[\s.!。]+$/u, "");
}

const parts = [
  "Likes",
  "TEA",
  "  ",
  " ",
  "\t",
  "\u00a0",
  "é",
  "e\u0301",
  "İ",
  "ΟΣ",
  "ﬁ",
  "。",
  ".",
  "!",
  "?",
  "ＡＢ",
  "😀",
  "1",
  "",
];

test("texts that are plain take no other form than the rule says", () => {
  // Every text of three parts.
  for (const one of parts) {
    for (const two of parts) {
      for (const three of parts) {
        const text = `${one}${two}${three}`;
        expect([text, sameFact(text), sameFact(sameFact(text))]).toEqual([text, plainly(text), plainly(text)]);
      }
    }
  }
});
