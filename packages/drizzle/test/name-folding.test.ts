import { foldName } from "@sessiondb/core/adapter";
import fc from "fast-check";
import { expect, test } from "vitest";
import { dottedI, foldingValues } from "../src/name-folding.ts";

/** What a database makes of a name that it is told to search for something. */
function folded(name: string, search: string): string {
  const { nameVariants = "", nameLetters = "" } = foldingValues(search);
  const letters = Array.from(nameLetters);
  const letterOf = new Map(Array.from(nameVariants).map((variant, index) => [variant, letters[index] ?? ""]));
  const replaced = Array.from(name, (letter) => letterOf.get(letter) ?? letter).join("");
  return replaced.replaceAll(dottedI, "i");
}

const letters = fc.constantFrom(...Array.from("aAiIİıßẞsSſΣσςΘϴθKkK\u0307ǄǅǆꭰᎠ𐐀𐐨Აა😀 é"));
const text = fc.string({ unit: letters, maxLength: 12 });

test("a name matches a search exactly if both match when folded", () => {
  const property = fc.property(text, text, (name, search) => {
    const wanted = foldName(search);
    expect(folded(name, wanted).includes(wanted)).toBe(foldName(name).includes(wanted));
  });
  fc.assert(property, { numRuns: 3000 });
});

test("a letter is replaced by one letter, and folding twice changes nothing more", () => {
  const wrong = Array.from({ length: 0x110000 }, (_, codePoint) => String.fromCodePoint(codePoint)).filter((letter) => {
    const once = foldName(letter);
    if (once === letter) {
      return false;
    }
    const isOne = Array.from(once).length === 1 && foldName(once) === once && (letter.codePointAt(0) ?? 0) < 0x1f000;
    return !isOne;
  });
  expect(wrong).toEqual([]);
});
