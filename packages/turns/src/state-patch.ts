import { isDeepStrictEqual } from "node:util";
import type { JsonObject, JsonValue } from "@sessiondb/core";
import { setKey } from "@sessiondb/core/adapter";
import { cloned, isPlain, notJson } from "./merge-state.ts";

/** The new values of keys; `removed` for a key that is gone. */
export type Patch = { readonly [key: string]: { readonly value: JsonValue } | { readonly inside: Patch } | "removed" };

export function changesBetween(before: JsonObject, after: JsonObject): Patch {
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

export function applyPatch(state: JsonObject, patch: Patch): JsonObject {
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
