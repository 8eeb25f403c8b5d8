import type { SQL } from "drizzle-orm";

/**
 * A search text folded by `foldName`, and the letter replacements that fold a stored name as far as the search can
 * tell. Databases fold letters by their own version of Unicode, or by a language, so they are told which letters to
 * replace.
 */
export interface FoldedSearch {
  readonly folded: SQL;
  /** The letters to replace in a stored name as one text, and their replacements in the same order. */
  readonly variants: SQL;
  readonly letters: SQL;
  /**
   * The same as pairs, without ASCII letters, which `lower()` folds alike everywhere. Some are pairs of empty texts:
   * the number of pairs is part of a statement's text, so few numbers make few statements.
   */
  readonly pairs: readonly { readonly variant: SQL; readonly letter: SQL }[];
}
