import { InvalidArgumentError, SessionDbError } from "@sessiondb/core";
import { named, present, within, type OptionReader } from "@sessiondb/core/adapter";

// Hooks of applications observe runs. Nobody waits for them but those who end: a host, `idle` and `close`.

/** Functions of an application by name, which are told of an event each. */
export type Hooks<Name extends string> = Partial<Readonly<Record<Name, (event: object) => unknown>>>;

/** Returns a reader for an option of hooks with these names. */
export function hooksReader<Name extends string>(names: readonly Name[]): OptionReader<Hooks<Name>> {
  return (value, argument) => {
    const given = present(named(value, argument));
    for (const [name, hook] of Object.entries(given)) {
      if (!(names as readonly string[]).includes(name)) {
        throw new InvalidArgumentError(`${argument}.${name}`, `left out: the hooks are ${names.join(", ")}`);
      }
      if (typeof hook !== "function") {
        throw new InvalidArgumentError(`${argument}.${name}`, "a function, or left out");
      }
    }
    return { ...given } as Hooks<Name>;
  };
}

/** Tells the hooks of one run what happens in it. */
export class HookCaller<Name extends string> {
  readonly #hooks: Hooks<Name>;
  readonly #event: object;
  readonly #pending: PendingWork;

  /** `event` is what all hooks are told; `pending` takes the promises of those that take their time. */
  constructor(
    hooks: Hooks<Name> | undefined,
    { event, pending }: { readonly event: object; readonly pending: PendingWork },
  ) {
    this.#hooks = hooks ?? {};
    this.#event = event;
    this.#pending = pending;
  }

  /** Calls a hook if there is one. Never throws. */
  protected tell(name: Name, more: object): void {
    const hook = this.#hooks[name];
    if (hook === undefined) {
      return;
    }
    const returned = guarded(`The hook ${name}`, () => hook({ ...this.#event, ...more }));
    if (returned !== null) {
      this.#pending.add(returned);
    }
  }
}

/** The milliseconds after which nobody waits for a hook any more. */
const longestHook = 60_000;

/** Work that no answer waits for. */
export class PendingWork {
  readonly #waitUntil: ((work: Promise<unknown>) => void) | undefined;
  readonly #pending = new Set<Promise<unknown>>();

  /** `waitUntil` takes the promise of each piece of work; it never rejects. */
  constructor(waitUntil: ((work: Promise<unknown>) => void) | undefined) {
    this.#waitUntil = waitUntil;
  }

  add(work: Promise<unknown>): void {
    const ended = Promise.allSettled([work]);
    this.#pending.add(ended);
    void ended.then(() => this.#pending.delete(ended));
    void guarded("waitUntil", () => this.#waitUntil?.(ended));
  }

  /** Resolves once nothing is under way. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) {
      await Promise.all(this.#pending);
    }
  }

  /** Resolves once the hooks under way have ended, but for those that take too long. */
  async hooksEnded(): Promise<void> {
    await within(Promise.all(this.#pending), longestHook, () => null);
  }
}

/**
 * Calls a function of the application that nobody waits for. What it throws, or rejects with, is a warning. Returns the
 * promise of one that takes its time, which never rejects; else null.
 */
export function guarded(what: string, work: () => unknown): Promise<unknown> | null {
  const fail = (error: unknown): void => warn(`${what} failed`, error);
  try {
    const returned = work();
    const isPromise = typeof returned === "object" && returned !== null && "then" in returned;
    return isPromise ? Promise.resolve(returned).catch(fail) : null;
  } catch (error) {
    fail(error);
    return null;
  }
}

/** Warns of what failed beside a run. The message of an error may have content. */
export function warn(what: string, error: unknown): void {
  const kind = SessionDbError.isInstance(error) ? error.code : error instanceof Error ? error.name : typeof error;
  process.emitWarning(`${what}: ${kind}.`, { type: "SessionDbWarning", code: "SESSIONDB_FOLLOW_UP" });
}
