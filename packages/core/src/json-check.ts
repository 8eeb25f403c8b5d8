/** The greatest depth of JSON: enough for any real value, and no more than Agno reads. */
export const deepestJson = 256;

/** Something in a value that JSON cannot hold. */
export interface JsonProblem {
  path: string;
  /** A phrase that says what the value must be. */
  expected: string;
}

/**
 * Whether `JSON.stringify` keeps everything in the value, and the value is not nested too deeply. It runs on every write, so it
 * tracks no paths: when it returns false, {@link findProblem} finds the reason.
 */
export function isSafe(value: unknown, levels = deepestJson): boolean {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return true;
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) {
    return true;
  }
  if (levels === 0) {
    return false;
  }
  if (Array.isArray(value)) {
    // A plain loop visits the holes of a sparse array, as undefined.
    for (let index = 0; index < value.length; index += 1) {
      if (!isSafe(value[index], levels - 1)) {
        return false;
      }
    }
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype && !isPlain(value)) {
    return hasToJson(value) && isSafe(value.toJSON(), levels - 1);
  }
  return arePropertiesSafe(value as Record<string, unknown>, levels - 1);
}

function arePropertiesSafe(object: Record<string, unknown>, levels: number): boolean {
  for (const key in object) {
    const value = object[key];
    if (typeof value === "string" || value === undefined) {
      continue;
    }
    // A plain object that has a toJSON function ends up here too: functions are not safe.
    if (!isSafe(value, levels)) {
      return hasToJson(object) && isSafe(object.toJSON(), levels);
    }
  }
  return true;
}

/** Returns the first problem in the value, with its path, or null when there is none. */
export function findProblem(value: unknown, path: string): JsonProblem | null {
  return search(value, path, new Set());
}

function search(value: unknown, path: string, ancestors: Set<object>): JsonProblem | null {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null) {
    return null;
  }
  if (typeof value !== "object") {
    return { path, expected: `JSON, which cannot hold a value of type ${typeof value}` };
  }
  if (ancestors.has(value)) {
    return { path, expected: "free of cycles" };
  }
  if (ancestors.size >= deepestJson) {
    return { path: path.slice(0, 200), expected: `nested at most ${deepestJson} levels deep` };
  }
  ancestors.add(value);
  const problem = searchObject(value, path, ancestors);
  ancestors.delete(value);
  return problem;
}

function searchObject(value: object, path: string, ancestors: Set<object>): JsonProblem | null {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const problem = search(value[index], `${path}[${index}]`, ancestors);
      if (problem !== null) {
        return problem;
      }
    }
    return null;
  }
  if (hasToJson(value) && !ArrayBuffer.isView(value)) {
    return search(value.toJSON(), path, ancestors);
  }
  if (!isPlain(value)) {
    const name: unknown = value.constructor?.name;
    const kind = typeof name === "string" && name !== "" ? `instances of ${name}` : "class instances";
    return { path, expected: `plain JSON, which cannot hold ${kind}; convert it first` };
  }
  for (const [key, property] of Object.entries(value)) {
    if (property === undefined) {
      continue;
    }
    const problem = search(property, joinPath(path, key), ancestors);
    if (problem !== null) {
      return problem;
    }
  }
  return null;
}

/** Returns the path of a property in JavaScript notation. */
export function joinPath(path: string, key: string | number): string {
  if (typeof key === "number") {
    return `${path}[${key}]`;
  }
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  // A Buffer has toJSON, but its result is not read back as bytes.
  return "toJSON" in value && typeof value.toJSON === "function" && !ArrayBuffer.isView(value);
}

/** Also true for the plain objects of another realm, such as a `vm` context. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) {
    return true;
  }
  return (
    typeof prototype === "object" &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, "isPrototypeOf")
  );
}
