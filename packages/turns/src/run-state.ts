import { isDeepStrictEqual } from "node:util";
import { InvalidArgumentError, type JsonObject, type JsonValue } from "@sessiondb/core";
import { isJsonObject, setKey } from "@sessiondb/core/adapter";
import { cloned, isPlain, mergeState, notJson } from "./merge-state.ts";
import { anyState, type StateShape } from "./state-schema.ts";

/** Changes a state in place, or returns its replacement. It is called again on the stored state: avoid side effects. */
export type StateChange<State extends object = JsonObject> = StateChanger<State>["change"];

/** A method, so that a function for one kind of state is one for states in general. */
interface StateChanger<State> {
  change(state: State): State | void;
}

/** The new values of keys; `removed` for a key that is gone. */
type Patch = { readonly [key: string]: { readonly value: JsonValue } | { readonly inside: Patch } | "removed" };

/**
 * The session state as one run sees it. Records changes rather than a new state, and applies them to whatever is stored
 * when the run ends, so that concurrent runs keep each other's changes.
 */
export class RunState {
  #values: JsonObject;
  #seen: JsonObject;
  readonly #changes: StateChange[] = [];
  readonly #shape: StateShape;

  /**
   * `stored` is what the session holds; `given` is merged over it and counts as a change.
   *
   * @throws SessionStateMismatchError, InvalidArgumentError when what is stored, or what is given, does not fit.
   */
  constructor(stored: JsonObject, given: JsonObject = {}, shape: StateShape = anyState) {
    this.#shape = shape;
    this.#seen = shape.read(stored);
    this.#values = mergeState(this.#seen, given);
    shape.check(this.#values, "sessionState");
  }

  /** The current state. Tools may change it in place. */
  get values(): JsonObject {
    return this.#values;
  }

  /** Changes the state with a function that runs again on the stored state, so that concurrent counts add up. */
  update(change: StateChange): JsonObject {
    this.#noteChanges();
    const before = this.#seen;
    try {
      this.#values = changed(this.#values, change);
      this.#shape.check(this.#values, "change");
    } catch (error) {
      this.#values = cloned(before);
      throw error;
    }
    this.#changes.push(change);
    this.#seen = cloned(this.#values);
    return this.#values;
  }

  get isChanged(): boolean {
    this.#noteChanges();
    return this.#changes.length > 0;
  }

  /** Returns the stored state with the changes of this run applied. */
  applyTo(stored: JsonObject): JsonObject {
    this.#noteChanges();
    let state = this.#shape.read(stored);
    for (const change of this.#changes) {
      try {
        state = changed(state, change);
      } catch (cause) {
        throw new InvalidArgumentError("change", "a function that also works on the state stored at the run's end", {
          cause,
        });
      }
    }
    this.#shape.check(state, "change.sessionState");
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

/** Returns the state after a change. */
export function changed(state: JsonObject, change: StateChange): JsonObject {
  const returned: unknown = change(state);
  if (returned === undefined || returned === null) {
    return state;
  }
  if (!isJsonObject(returned) || "then" in returned) {
    // A rejection of this promise must not count as unhandled.
    Promise.resolve(returned).catch(() => {});
    throw new InvalidArgumentError("change", "a synchronous function that changes the state or returns a new one");
  }
  return returned;
}

function changesBetween(before: JsonObject, after: JsonObject): Patch {
  try {
    return patchBetween(before, after);
  } catch (cause) {
    throw notJson(cause);
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
      setKey(result, key, structuredClone(change.value));
    } else {
      const inside = Object.hasOwn(result, key) ? result[key] : undefined;
      setKey(result, key, applyPatch(isPlain(inside) ? inside : {}, change.inside));
    }
  }
  return result;
}
