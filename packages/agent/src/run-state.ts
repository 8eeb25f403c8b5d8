import { isDeepStrictEqual } from "node:util";
import { InvalidArgumentError, type JsonObject, type JsonValue } from "@sessiondb/core";
import { isObject } from "./stored-json.ts";

/** Changes a state in place, or returns the one that takes its place. Called again on the stored state: keep it pure. */
export type StateChange = (state: JsonObject) => JsonObject | void;

/** What a key has become; `removed` for one that is gone. */
type Patch = { readonly [key: string]: { readonly value: JsonValue } | { readonly inside: Patch } | "removed" };

/**
 * The session state as one run sees it. Whatever the run changes is noted as changes, and applied in the end to the state
 * that is stored then: of two runs at once both keep theirs.
 */
export class RunState {
  #values: JsonObject;
  #seen: JsonObject;
  readonly #changes: StateChange[] = [];

  /** `stored` is what the session holds; `given` is merged over it and counts as a change. */
  constructor(stored: JsonObject, given: JsonObject = {}) {
    this.#seen = structuredClone(stored);
    this.#values = mergeState(stored, given);
  }

  /** The state now. Tools may change it in place. */
  get values(): JsonObject {
    return this.#values;
  }

  /** Unlike a change in place, this one is made again on the stored state, so two counters add up. */
  update(change: StateChange): JsonObject {
    this.#noteChanges();
    this.#values = changed(this.#values, change);
    this.#changes.push(change);
    this.#seen = cloned(this.#values);
    return this.#values;
  }

  get isChanged(): boolean {
    this.#noteChanges();
    return this.#changes.length > 0;
  }

  /** The stored state with the changes of this run. */
  applyTo(stored: JsonObject): JsonObject {
    this.#noteChanges();
    let state = structuredClone(stored);
    for (const change of this.#changes) {
      try {
        state = changed(state, change);
      } catch (cause) {
        throw new InvalidArgumentError("change", "a function that also runs on the state that is stored by then", {
          cause,
        });
      }
    }
    return state;
  }

  #noteChanges(): void {
    const patch = changesBetween(this.#seen, this.#values);
    if (Object.keys(patch).length > 0) {
      this.#seen = cloned(this.#values);
      this.#changes.push((state) => applyPatch(state, patch));
    }
  }
}

/** A state as a change leaves it. */
export function changed(state: JsonObject, change: StateChange): JsonObject {
  const returned: unknown = change(state);
  if (returned === undefined || returned === null) {
    return state;
  }
  if (!isObject(returned) || "then" in returned) {
    // Whoever made the promise would otherwise end the process by it.
    Promise.resolve(returned).catch(() => {});
    throw new InvalidArgumentError("change", "a synchronous function that changes the state, or returns one");
  }
  return returned;
}

/** Objects are merged key by key, at every depth; of anything else the second wins. */
function mergeState(first: JsonObject, second: JsonObject): JsonObject {
  const merged = structuredClone(first);
  for (const [key, value] of Object.entries(second)) {
    const present = Object.hasOwn(merged, key) ? merged[key] : undefined;
    define(merged, key, isPlain(present) && isPlain(value) ? mergeState(present, value) : cloned(value));
  }
  return merged;
}

function changesBetween(before: JsonObject, after: JsonObject): Patch {
  try {
    return patchBetween(before, after);
  } catch (cause) {
    if (!(cause instanceof RangeError)) {
      throw cause;
    }
    throw new InvalidArgumentError("change.sessionState", "free of cycles, and nested less deeply", { cause });
  }
}

function patchBetween(before: JsonObject, after: JsonObject): Patch {
  const patch: Record<string, Patch[string]> = Object.create(null) as Record<string, Patch[string]>;
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key) || after[key] === undefined) {
      patch[key] = "removed";
    }
  }
  for (const [key, value] of Object.entries(after)) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    if (value === undefined || isDeepStrictEqual(old, value)) {
      continue;
    }
    patch[key] = isPlain(old) && isPlain(value) ? { inside: patchBetween(old, value) } : { value: cloned(value) };
  }
  return patch;
}

function applyPatch(state: JsonObject, patch: Patch): JsonObject {
  const result = { ...state };
  for (const [key, change] of Object.entries(patch)) {
    if (change === "removed") {
      delete result[key];
    } else if ("value" in change) {
      define(result, key, structuredClone(change.value));
    } else {
      const inside = Object.hasOwn(result, key) ? result[key] : undefined;
      define(result, key, applyPatch(isPlain(inside) ? inside : {}, change.inside));
    }
  }
  return result;
}

/** An object whose keys are all there is to it, unlike a Date. */
function isPlain(value: JsonValue | undefined): value is JsonObject {
  const prototype: unknown = isObject(value) ? Object.getPrototypeOf(value) : undefined;
  return prototype === null || prototype === Object.prototype;
}

function cloned<Value extends JsonValue>(value: Value): Value {
  try {
    return structuredClone(value);
  } catch (cause) {
    throw new InvalidArgumentError("change.sessionState", "made of what JSON holds, not of functions and the like", {
      cause,
    });
  }
}

/** Also a key like `__proto__` is just a key. */
function define(object: JsonObject, key: string, value: JsonValue): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
