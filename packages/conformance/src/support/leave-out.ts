/** Ends a case that cannot check anything on this store. It is reported as left out, with the reason. */
export function leaveOut(reason: string): never {
  throw new LeftOutCase(reason);
}

/** The error that `leaveOut` throws. */
export class LeftOutCase extends Error {
  override readonly name = "LeftOutCase";
}
