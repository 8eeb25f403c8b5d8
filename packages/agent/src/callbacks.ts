import type { StepResult, ToolSet } from "ai";

/** Callbacks of the AI SDK, by name. */
export type Callbacks = Readonly<Record<string, ((event: never) => unknown) | undefined>>;

/** The names of a callback: those of version 7 of the AI SDK come first, and win. */
const names = { step: ["onStepEnd", "onStepFinish"], end: ["onEnd", "onFinish"] } as const;

/** Returns the callback for the end of a step, which runs before that of the caller. */
export function withStepCallback(callbacks: Callbacks, own: (step: StepResult<ToolSet>) => void): Callbacks {
  return merged(callbacks, names.step, own);
}

/** Returns the callback for the end of a stream, which runs before that of the caller. */
export function withEndCallback(callbacks: Callbacks, own: () => void): Callbacks {
  return merged(callbacks, names.end, own);
}

function merged(
  callbacks: Callbacks,
  [first, second]: readonly [string, string],
  own: (event: never) => void,
): Callbacks {
  const given = callbacks[first] ?? callbacks[second];
  return {
    [first]: undefined,
    [second]: async (event: never) => {
      own(event);
      await given?.(event);
    },
  };
}
