import { isDeepStrictEqual } from "node:util";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { InvalidArgumentError, SessionStateMismatchError, type JsonObject } from "@sessiondb/core";
import { jsonObject, objectWith, oneOf, optional, type OptionReaders, type OptionsRead } from "@sessiondb/core/adapter";
import { cloned, isPlain } from "./merge-state.ts";
import { jsonOf, messageOf } from "./outside-values.ts";
import { applyPatch, changesBetween } from "./state-patch.ts";

type StateSchema = StandardSchemaV1<unknown, JsonObject>;

/** A state, or parts of it: an object may lack keys, at every depth. */
export type StatePatch<State extends object> = string extends keyof State
  ? State
  : { readonly [Key in keyof State]?: PatchOf<State[Key]> };

type PatchOf<Value> = Value extends readonly unknown[] ? Value : Value extends object ? StatePatch<Value> : Value;

/** The options of a component for the state of its sessions. */
export interface StateOptions<State extends object = JsonObject> {
  /** The initial state of new sessions. With a schema, it may leave out what the schema fills in. */
  sessionState?: StatePatch<NoInfer<State>> | undefined;
  /**
   * The schema of the state: Zod, Valibot, ArkType, or any other that implements Standard Schema. It must validate
   * synchronously, and accept what it returns. The stored state is checked when a run or a call reads it, and a changed
   * one before it is stored. Keys that the schema does not return stay stored.
   */
  sessionStateSchema?: StandardSchemaV1<unknown, State> | undefined;
  /**
   * `throw` (the default) rejects a run or a call that reads a state which does not fit the schema. `reset` takes the
   * initial state instead, and stores it when the run or the call changes the state.
   */
  onInvalidSessionState?: "throw" | "reset" | undefined;
}

export const stateReaders = {
  sessionState: optional(jsonObject),
  sessionStateSchema: optional(
    objectWith<StateSchema>(["~standard"], "a schema of Zod, Valibot, ArkType or another library of Standard Schema"),
  ),
  onInvalidSessionState: oneOf("throw", "reset"),
} satisfies OptionReaders<StateOptions>;

/** The way in which a component reads states and changes them. */
export interface StateShape {
  /**
   * Returns a copy of a stored state as the component has it.
   *
   * @throws SessionStateMismatchError when it does not fit.
   */
  read(stored: JsonObject): JsonObject;
  /**
   * Returns a changed state as the component has it.
   *
   * @throws InvalidArgumentError for `argument` when it does not fit.
   */
  fit(state: JsonObject, argument: string): JsonObject;
  /**
   * Returns what to store when `change` has changed what was read.
   *
   * @throws SessionStateMismatchError when the stored state does not fit, InvalidArgumentError for `argument` when the
   * changed one does not.
   */
  changed(stored: JsonObject, argument: string, change: (state: JsonObject) => JsonObject): JsonObject;
}

/** The shape of a component without a schema. */
export const anyState: StateShape = {
  read: cloned,
  fit: (state) => state,
  changed: (stored, _argument, change) => change(cloned(stored)),
};

type StateSettings = OptionsRead<typeof stateReaders>;

/** Returns the shape of the state of a session. */
export function stateShape(
  { sessionState = {}, sessionStateSchema: schema, onInvalidSessionState }: StateSettings,
  sessionId: string,
): StateShape {
  if (schema === undefined) {
    return anyState;
  }
  const read = (stored: JsonObject): JsonObject => {
    const { state, issues } = validated(schema, stored);
    if (state !== null) {
      return cloned(state);
    }
    if (onInvalidSessionState === "reset") {
      return cloned(validated(schema, sessionState).state ?? {});
    }
    throw new SessionStateMismatchError(sessionId, {
      places: issues.map(placeOf),
      issues: issues.map(({ message }) => message),
    });
  };
  const fit = (given: JsonObject, argument: string): JsonObject => {
    const { state, issues } = validated(schema, given);
    if (state === null) {
      const places = issues.map(placeOf).join(", ");
      throw new InvalidArgumentError(argument, `such that the state fits sessionStateSchema at ${places}`);
    }
    return cloned(state);
  };
  const reads = (stored: JsonObject, expected: JsonObject): boolean =>
    isDeepStrictEqual(jsonOf(validated(schema, stored).state), jsonOf(expected));
  return {
    read,
    fit,
    changed(stored, argument, change) {
      const before = read(stored);
      const after = fit(change(cloned(before)), argument);
      // Keys that the schema does not return are other programs', unless it read them in place of its own.
      const kept = applyPatch(stored, changesBetween(before, after));
      const found = [kept, after].find((each) => reads(each, after));
      if (found === undefined) {
        throw new InvalidArgumentError("sessionStateSchema", "a schema that returns unchanged what it has returned");
      }
      return found;
    },
  };
}

/** @throws InvalidArgumentError when the initial state does not fit the schema, or an option needs one. */
export function checkStateOptions(settings: StateSettings): void {
  if (settings.sessionStateSchema === undefined && settings.onInvalidSessionState === "reset") {
    throw new InvalidArgumentError("onInvalidSessionState", "left out unless sessionStateSchema is given");
  }
  stateShape(settings, "").fit(settings.sessionState ?? {}, "sessionState");
}

/** The result of a schema: the state, or why it does not fit. */
interface Validated {
  readonly state: JsonObject | null;
  readonly issues: readonly StandardSchemaV1.Issue[];
}

function validated(schema: StateSchema, value: JsonObject): Validated {
  let result: ReturnType<StateSchema["~standard"]["validate"]>;
  try {
    result = schema["~standard"].validate(value);
  } catch (error) {
    return { state: null, issues: [{ message: messageOf(error) }] };
  }
  if (result instanceof Promise) {
    // A rejection of this promise must not count as unhandled.
    result.catch(() => {});
    throw new InvalidArgumentError("sessionStateSchema", "a schema that validates synchronously and does not throw");
  }
  if (result.issues !== undefined) {
    return { state: null, issues: result.issues };
  }
  if (!isPlain(result.value)) {
    throw new InvalidArgumentError("sessionStateSchema", "a schema of a plain object");
  }
  return { state: result.value, issues: [] };
}

/** Returns the place of an issue in the value, for a message. */
export function placeOf({ path = [] }: StandardSchemaV1.Issue): string {
  const keys = path.map((segment) => (typeof segment === "object" ? segment.key : segment));
  return keys.length === 0 ? "its root" : keys.map(String).join(".");
}
