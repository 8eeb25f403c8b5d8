import { InvalidArgumentError, type JsonObject } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { cloned, mergeState } from "./merge-state.ts";
import { applyPatch, changesBetween, type Patch } from "./state-patch.ts";
import { anyState, type StateShape } from "./state-schema.ts";

/** Changes a state in place, or returns its replacement. It is called again on the stored state: avoid side effects. */
export type StateChange<State extends object = JsonObject> = StateChanger<State>["change"];

/** A method, so that a function for one kind of state is one for states in general. */
interface StateChanger<State> {
  change(state: State): State | void;
}

/**
 * The session state as one run sees it. Records changes rather than a new state, and applies them to whatever is stored
 * when the run ends, so that concurrent runs keep each other's changes.
 */
export class RunState {
  #values: JsonObject;
  #seen: JsonObject;
  readonly #first: JsonObject;
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
    this.#first = this.#seen;
    this.#values = shape.fit(mergeState(this.#seen, given), "sessionState");
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
      this.#values = this.#shape.fit(changed(this.#values, change), "change");
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

  /** What this run has changed so far. */
  get patch(): Patch {
    return changesBetween(this.#first, this.#values);
  }

  /** Returns the stored state with the changes of this run applied. */
  applyTo(stored: JsonObject): JsonObject {
    this.#noteChanges();
    return this.#shape.changed(stored, "change.sessionState", (read) => {
      let state = read;
      for (const change of this.#changes) {
        try {
          state = changed(state, change);
        } catch (cause) {
          throw new InvalidArgumentError("change", "a function that also works on the state stored at the run's end", {
            cause,
          });
        }
      }
      return state;
    });
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
