/** Ends a case that cannot check anything on this store: it is reported as left out, with the reason. */
export function leaveOut(reason: string): never {
  throw new LeftOutCase(reason);
}

/** What `leaveOut` throws. */
export class LeftOutCase extends Error {
  override readonly name = "LeftOutCase";
}
