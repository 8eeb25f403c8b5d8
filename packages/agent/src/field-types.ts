import { InvalidArgumentError, type JsonValue } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";

/** The types that Agno writes as the `field_type` of a form's field, and what a value of each is. */
const fieldTypes: Readonly<Record<string, readonly [fits: (value: JsonValue) => boolean, what: string]>> = {
  str: [(value) => typeof value === "string", "text"],
  int: [Number.isSafeInteger, "a whole number"],
  float: [(value) => typeof value === "number", "a number"],
  bool: [(value) => typeof value === "boolean", "true or false"],
  list: [Array.isArray, "a list"],
  dict: [isJsonObject, "an object"],
};

/**
 * Checks a value that a user filled in: a form may hand in the text "true" for true. A type that is not known is not
 * checked.
 */
export function checkField(value: JsonValue, type: JsonValue | undefined, argument: string): void {
  const known = typeof type === "string" && Object.hasOwn(fieldTypes, type) ? fieldTypes[type] : undefined;
  if (known !== undefined && !known[0](value)) {
    throw new InvalidArgumentError(argument, `${known[1]}, as the field_type of the field says`);
  }
}
