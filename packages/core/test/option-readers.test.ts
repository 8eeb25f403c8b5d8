import { InMemorySessionDb, type InMemorySessionDbOptions } from "@sessiondb/core";
import {
  checkLeftOut,
  count,
  flag,
  milliseconds,
  objectWith,
  oneOf,
  optional,
  readOptions,
} from "@sessiondb/core/adapter";
import { describe, expect, test } from "vitest";

const readers = {
  name: optional((value: unknown) => String(value)),
  on: flag(true),
  kind: oneOf("plain", "odd"),
  size: count({ from: 1, otherwise: 10 }),
  wait: milliseconds({ from: 0, otherwise: 1000 }),
  client: optional(objectWith<{ query: unknown }>(["query"], "a client")),
};

describe("readOptions", () => {
  test("fills in the defaults", () => {
    const filled = { name: undefined, on: true, kind: "plain", size: 10, wait: 1000, client: undefined };
    expect(readOptions({}, readers)).toEqual(filled);
    expect(readOptions({ on: undefined, size: undefined }, readers)).toEqual(filled);
  });

  test("returns what is given", () => {
    const given = { name: "a", on: false, kind: "odd", size: 1, wait: 0, client: { query: null } };
    expect(readOptions(given, readers)).toEqual(given);
  });

  test.each<[string, unknown]>([
    ["options", null],
    ["options", "text"],
    ["options", []],
    ["options.Size", { Size: 1 }],
    ["options.sise", { sise: undefined }],
    ["options.sise", Object.create({ sise: 1 })],
    ["on", { on: "false" }],
    ["on", { on: null }],
    ["on", { on: 0 }],
    ["kind", { kind: "Odd" }],
    ["kind", { kind: null }],
    ["size", { size: 0 }],
    ["size", { size: 1.5 }],
    ["size", { size: "1" }],
    ["size", { size: Number.NaN }],
    ["size", { size: Number.POSITIVE_INFINITY }],
    ["size", { size: 2 ** 53 }],
    ["wait", { wait: -1 }],
    ["wait", { wait: 2 ** 31 }],
    ["client", { client: {} }],
    ["client", { client: null }],
    ["client", { client: "query" }],
  ])("refuses %s of %j", (argument, options) => {
    const refused = expect.objectContaining({ code: "INVALID_ARGUMENT", argument });
    expect(() => readOptions(options, readers)).toThrow(refused);
  });

  test("lists the known names", () => {
    expect(() => readOptions({ schema: "x" }, readers)).toThrow("name, on, kind, size, wait, client");
  });
});

test("refuses options that have no effect with another one", () => {
  checkLeftOut({ poolSize: undefined }, ["poolSize"], "pool");
  expect(() => checkLeftOut({ poolSize: 3 }, ["poolSize"], "pool")).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "poolSize" }),
  );
});

test.each<[string, unknown]>([
  ["maxPayloadBytes", { maxPayloadBytes: "1MB" }],
  ["maxPayloadBytes", { maxPayloadBytes: Number.NaN }],
  ["maxPayloadBytes", { maxPayloadBytes: 0 }],
  ["maxPayloadBytes", { maxPayloadBytes: null }],
  ["options.maxPayload", { maxPayload: 1 }],
  ["options", null],
])("InMemorySessionDb refuses %s of %j", (argument, options) => {
  expect(() => new InMemorySessionDb(options as InMemorySessionDbOptions)).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", argument }),
  );
});
