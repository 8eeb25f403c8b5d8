import Module from "node:module";
import { SessionDbError } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";

// native-module foreign|missing|"missing prebuild": prints the error of a store whose driver finds no usable native module.
const [kind] = process.argv.slice(2);

// What Node, `bindings` and better-sqlite3 13 throw.
const errors: Readonly<Record<string, () => Error>> = {
  foreign: () => Object.assign(new Error("invalid ELF header"), { code: "ERR_DLOPEN_FAILED" }),
  missing: () => new Error("Could not locate the bindings file. Tried:\n → /x/build/better_sqlite3.node"),
  "missing prebuild": () =>
    Object.assign(new Error("Cannot find module '/x/build/Release/better_sqlite3.node'"), { code: "MODULE_NOT_FOUND" }),
};

const loaders: unknown = Reflect.get(Module, "_extensions");
(loaders as Record<string, unknown>)[".node"] = () => {
  throw errors[kind ?? ""]?.() ?? new TypeError("No such kind");
};

try {
  await using db = new SqliteSessionDb({ file: ":memory:" });
  await db.getSessions();
} catch (error) {
  if (!SessionDbError.isInstance(error)) {
    throw error;
  }
  process.stdout.write(JSON.stringify({ code: error.code, message: error.message }));
}
