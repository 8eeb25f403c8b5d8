/** The promise's value, or what `late` returns once that takes longer than so many milliseconds. */
export async function within<Value, Late>(
  promise: Promise<Value>,
  milliseconds: number,
  late: () => Late,
): Promise<Value | Late> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, milliseconds, null);
  });
  try {
    const first = await Promise.race([promise.then((value) => ({ value })), timeout]);
    return first === null ? late() : first.value;
  } finally {
    clearTimeout(timer);
  }
}
