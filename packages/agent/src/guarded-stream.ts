/** The items that a guard adds to a stream. */
export interface GuardItems<Item> {
  /** Returns the item for a failure that no item has told. Without it, such a failure fails the stream. */
  readonly failureItem?: ((error: unknown) => Item) | null;
  /** Items that follow the one that starts the stream. */
  readonly opening?: readonly Item[];
}

interface GuardOptions<Item> extends GuardItems<Item> {
  /** Resolves once the run is stored, and rejects when it fails or cannot be stored. */
  readonly result: Promise<{ readonly status: string }>;
  /** The signal that ends the generation. */
  readonly signal: AbortSignal;
  /** Resolves once the run has ended by an abort: a model that ignores it would keep readers waiting. */
  readonly abandoned: Promise<void>;
  /** Cancels the run. */
  readonly abort: (reason: unknown) => void;
  /** Whether what the assistant says waits until the run is stored, and is dropped if it failed or was cancelled. */
  readonly isHeld: boolean;
}

/**
 * Passes items on, ends when the run is stored, and cancels the run when the reader leaves. The last item of a run that
 * failed tells its error, where there is such an item, and is no `finish`.
 */
export function guardedStream<Item>(
  source: ReadableStream<Item>,
  { result, signal, abandoned, abort, isHeld, failureItem = null, opening = [] }: GuardOptions<Item>,
): ReadableStream<Item> {
  const reader = source.getReader();
  let pending: ReturnType<typeof reader.read> | null = null;
  /** The first item that tells an error. */
  let told: Item | null = null;
  const errorIsLast = failureItem !== null;
  /** The error of the source itself; an aborted model may fail in its own way. */
  let broken: { readonly error: unknown } | null = null;
  const next = async (): Promise<Item | null> => {
    try {
      // One read at a time: a second one would take an item from the first.
      pending ??= reader.read();
      const read = await Promise.race([pending, abandoned.then(nothingReady)]);
      pending = null;
      return read === null || read.done ? null : read.value;
    } catch (error) {
      broken = signal.aborted ? null : { error };
      return null;
    }
  };
  const failed = (controller: ReadableStreamDefaultController<Item>, error: unknown): void => {
    if (failureItem === null) {
      controller.error(error);
    } else {
      controller.enqueue(failureItem(error));
      controller.close();
    }
  };
  const status = result.then(
    (ended) => ended.status,
    () => null,
  );
  const stored = status.then((known) => known !== null);
  let isOver = false;
  /** Returns the next item to pass on. The last one of a run that failed or was cancelled is no `finish`. */
  const wanted = async (): Promise<Item | null> => {
    for (;;) {
      const item = isOver ? null : await next();
      const type = typeOf(item);
      if (isHeld && item !== null && saysText(item)) {
        const known = await status;
        isOver = known !== "COMPLETED" && known !== "PAUSED";
        if (isOver) {
          return known === "CANCELLED" && type !== null ? ({ type: "abort" } as Item) : null;
        }
      }
      const isLast = type === "error" && errorIsLast;
      const isFalse = type === "finish" && (told === null ? !(await stored) : errorIsLast);
      if (type === "error") {
        told ??= item;
      }
      if (!isLast && !isFalse) {
        // The run was cancelled after its answer, and before it was stored.
        return type === "finish" && told === null && (await status) === "CANCELLED"
          ? ({ type: "abort" } as Item)
          : item;
      }
    }
  };
  return new ReadableStream<Item>(
    {
      pull: async (controller) => {
        const item = await wanted();
        if (item !== null) {
          controller.enqueue(item);
          if (typeOf(item) === "start") {
            opening.forEach((each) => controller.enqueue(each));
          }
        } else if (told !== null) {
          await stored;
          if (errorIsLast) {
            controller.enqueue(told);
          }
          controller.close();
        } else if ((await stored) && broken === null) {
          controller.close();
        } else if (broken !== null) {
          failed(controller, broken.error);
        } else {
          await result.catch((error: unknown) => failed(controller, error));
        }
      },
      cancel: (reason: unknown) => {
        abort(reason ?? new DOMException("The reader of the run's answer stopped reading.", "AbortError"));
        reader.cancel(reason).catch(() => {});
      },
    },
    { highWaterMark: 0 },
  );
}

/** Resolves when a stream has had the time to return what it holds already. */
export function nothingReady(): Promise<null> {
  return new Promise((resolve) => {
    setImmediate(() => resolve(null));
  });
}

function typeOf(item: unknown): unknown {
  return typeof item === "object" && item !== null && "type" in item ? item.type : null;
}

/** Returns whether an item is what the assistant said, or a part of it: text, or a part of a structure. */
/** Returns whether an item of a stream is something that the assistant says. */
export function saysText(item: unknown): boolean {
  const type = typeOf(item);
  return typeof type !== "string" || /^(text|reasoning|file|source)/.test(type);
}
