import { longestTime } from "./option-readers.ts";

/** Returns the promise's value, or what `late` returns if it takes longer than this many milliseconds. */
export async function within<Value, Late>(
  promise: Promise<Value>,
  milliseconds: number,
  late: () => Late,
): Promise<Value | Late> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, Math.min(milliseconds, longestTime), null);
  });
  try {
    const first = await Promise.race([promise.then((value) => ({ value })), timeout]);
    return first === null ? late() : first.value;
  } finally {
    clearTimeout(timer);
  }
}
