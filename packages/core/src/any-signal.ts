/** The signals that others depend on. */
const sources = new WeakMap<AbortSignal, readonly AbortSignal[]>();

/**
 * Returns a signal that aborts with the first of several, as `AbortSignal.any` does. It also keeps them: Node lets go of a
 * timeout that only such a signal depends on, and it never fires.
 */
export function anySignal(...signals: readonly AbortSignal[]): AbortSignal {
  const any = AbortSignal.any([...signals]);
  sources.set(any, signals);
  return any;
}
