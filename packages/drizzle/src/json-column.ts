import type { JsonValue } from "@sessiondb/core";
import { parseJson } from "@sessiondb/core/adapter";

/** The types of a JSON column, for `customType` of each dialect. */
export interface JsonColumn {
  data: JsonValue;
  driverData: unknown;
}

/** A JSON column. A string bound to it is already JSON text. `table` is named in errors. */
export function jsonColumn(type: string, table: string, name: string) {
  return {
    dataType: () => type,
    toDriver: (value: JsonValue) => (typeof value === "string" ? value : JSON.stringify(value)),
    fromDriver: (stored: unknown) => parseJson(stored, `${table}.${name}`, null),
  };
}
