/** Returns all ways to take one option of each list, merged into one object. */
export function combinations<Options extends object>(
  lists: readonly (readonly Partial<Options>[])[],
): Partial<Options>[] {
  return lists.reduce<Partial<Options>[]>(
    (combined, list) => combined.flatMap((left) => list.map((right) => ({ ...left, ...right }))),
    [{}],
  );
}

/** Orders text by its UTF-8 bytes. JavaScript's `<` differs beyond U+FFFF. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
