import { foldName } from "@sessiondb/core/adapter";
import type { FoldedSearch } from "./folded-search.ts";
import { value } from "./sql-parts.ts";

/** JavaScript's lower case of a capital I with a dot. In a stored name it becomes `i` once the letters are replaced. */
export const dottedI = "i\u0307";

interface Pair {
  readonly variant: string;
  readonly letter: string;
}

/** Every letter that `foldName` changes is below this code point. */
const endOfLetters = 0x1f000;

let variants: ReadonlyMap<string, readonly Pair[]> | null = null;

/** The letters that `foldName` changes, by their folded form. */
function collectVariants(): ReadonlyMap<string, readonly Pair[]> {
  const codePoints = Array.from({ length: endOfLetters }, (_, codePoint) => codePoint);
  const all = codePoints.map((codePoint) => String.fromCodePoint(codePoint)).join("");
  const found = new Map<string, Pair[]>();
  for (const [variant] of all.matchAll(/[\p{Changes_When_Lowercased}ς]/gu)) {
    const letter = foldName(variant);
    found.set(letter, [...(found.get(letter) ?? []), { variant, letter }]);
  }
  return found;
}

function pairsOf(search: string): Pair[] {
  const found = (variants ??= collectVariants());
  // Always include those of `i`, since a dot after it is not a letter of its own.
  return [...new Set(`i${search}`)].flatMap((letter) => found.get(letter) ?? []);
}

function paddedPairs(search: string): Pair[] {
  const pairs = pairsOf(search).filter(({ variant }) => variant > "\u007f");
  const length = 4 * 2 ** Math.max(0, Math.ceil(Math.log2(pairs.length / 4)));
  return [...pairs, ...Array.from({ length: length - pairs.length }, () => ({ variant: "", letter: "" }))];
}

/** The number of letter pairs of a name search; its spelling depends on nothing else. */
export function pairsIn(search: string): number {
  return paddedPairs(search).length;
}

/** A search for a name with this many pairs, with placeholders. */
export function foldedSearch(pairs: number): FoldedSearch {
  return {
    folded: value("sessionName"),
    variants: value("nameVariants"),
    letters: value("nameLetters"),
    pairs: Array.from({ length: pairs }, (_, index) => ({
      variant: value(`nameVariant${index}`),
      letter: value(`nameLetter${index}`),
    })),
  };
}

/** Binds the placeholders of `foldedSearch`, except the search text itself. */
export function foldingValues(search: string | null): Record<string, string> {
  if (search === null) {
    return {};
  }
  const pairs = pairsOf(search);
  const single = paddedPairs(search).flatMap(({ variant, letter }, index) => [
    [`nameVariant${index}`, variant] as const,
    [`nameLetter${index}`, letter] as const,
  ]);
  return {
    nameVariants: pairs.map(({ variant }) => variant).join(""),
    nameLetters: pairs.map(({ letter }) => letter).join(""),
    ...Object.fromEntries(single),
  };
}
