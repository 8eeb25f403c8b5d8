import fc from "fast-check";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { CorruptDataError, InvalidArgumentError } from "../src/errors.ts";
import { parseJson, setKey, toJsonText, type JsonObject } from "../src/json.ts";

const parse = (stored: unknown) => parseJson(stored, "agno_sessions.session_data", "s1");

describe("parseJson", () => {
  test.each([
    [null, null],
    [undefined, null],
    ["null", null],
    ['"null"', null],
    ['{"a":1}', { a: 1 }],
    ['"{\\"a\\": 1}"', { a: 1 }],
    [JSON.stringify(JSON.stringify(JSON.stringify([1]))), [1]],
    [" [1, 2]\n", [1, 2]],
    ['"\\u00e9"', "é"],
    ['""', ""],
    ["5", 5],
    ["true", true],
    [{ a: 1 }, { a: 1 }],
    [[1], [1]],
    [7, 7],
    ['{"a":"{\\"b\\":1}"}', { a: '{"b":1}' }],
  ])("reads %j", (stored, value) => {
    expect(parse(stored)).toEqual(value);
  });

  test("reads UTF-8 bytes", () => {
    expect(parse(Buffer.from('{"é":"😀"}'))).toEqual({ é: "😀" });
    expect(parse(new TextEncoder().encode('"{\\"a\\":1}"'))).toEqual({ a: 1 });
  });

  test.each([
    ["NaN", Number.NaN],
    ["-Infinity", Number.NEGATIVE_INFINITY],
    [
      '{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN, \\"Infinity\\"", "NaN": 1}',
      {
        a: Number.NaN,
        b: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
        c: 'NaN, "Infinity"',
        NaN: 1,
      },
    ],
    [
      '{"a\\\\": NaN, "\\\\\\"": "\\\\", "z": Infinity}',
      { "a\\": Number.NaN, '\\"': "\\", z: Number.POSITIVE_INFINITY },
    ],
    [JSON.stringify('{"a": NaN}'), { a: Number.NaN }],
  ])("reads what Python writes: %s", (stored, value) => {
    expect(parse(stored)).toEqual(value);
  });

  test.each([
    "",
    " ",
    "{",
    "{a:1}",
    "nan",
    "NaNx",
    "1NaN",
    "{NaN: 1}",
    "{Infinity: 1}",
    '"NaN',
    "Infinit",
    "[1,]",
    "hello",
  ])("refuses %j", (stored) => {
    expect(() => parse(stored)).toThrow(CorruptDataError);
  });

  test("refuses bytes that are not UTF-8", () => {
    expect(() => parse(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(CorruptDataError);
  });

  test("names the place, without repeating the content", () => {
    const error = catchError(() => parse('{"password": hunter2}'));
    expect(error).toMatchObject({ location: "agno_sessions.session_data", id: "s1" });
    expect(`${String(error)} ${String((error as Error).cause)}`).not.toContain("hunter2");
  });

  test("reads back any JSON with bare tokens in it, as Python does", () => {
    const token = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, token, fc.string(), fc.integer(), tie("list"), tie("object")),
      list: fc.array(tie("value")),
      object: fc.dictionary(fc.string(), tie("value")),
    }));
    fc.assert(
      fc.property(value, (tree) => {
        expect(parse(pythonJson([tree]))).toEqual([tree]);
      }),
    );
  });

  test("keeps __proto__ an ordinary key", () => {
    const value = parse('{"__proto__": {"polluted": NaN}}') as JsonObject;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("toJsonText", () => {
  const circular: Record<string, unknown> = {};
  circular["list"] = [{ circular }];

  test.each<[string, unknown, string]>([
    ["a bigint", { cart: [1, { price: 1n }] }, "state.cart[1].price"],
    ["a function", { run: () => 1 }, "state.run"],
    ["a symbol", [Symbol("s")], "state[0]"],
    ["a Map", { a: { "b c": new Map([[1, 2]]) } }, 'state.a["b c"]'],
    ["a Set", { a: new Set() }, "state.a"],
    ["a typed array", { a: new Uint8Array(2) }, "state.a"],
    ["a Buffer", { a: Buffer.from("x") }, "state.a"],
    [
      "an instance",
      {
        a: new (class Cart {
          items = [];
        })(),
      },
      "state.a",
    ],
    ["an Error", { a: new Error("x") }, "state.a"],
    ["a boxed string", { a: Object("x") as unknown }, "state.a"],
    ["undefined in a list", { a: [1, undefined] }, "state.a[1]"],
    // oxlint-disable-next-line no-sparse-arrays
    ["a hole in a list", { a: [1, , 2] }, "state.a[1]"],
    ["undefined itself", undefined, "state"],
    ["a promise", { a: Promise.resolve(1) }, "state.a"],
    ["a bad value out of toJSON", { a: { toJSON: () => ({ b: 1n }) } }, "state.a.b"],
  ])("refuses %s and names its path", (_, value, argument) => {
    expect(catchError(() => toJsonText(value, "state"))).toMatchObject({ code: "INVALID_ARGUMENT", argument });
  });

  test("refuses cycles, and says why", () => {
    expect(catchError(() => toJsonText(circular, "state"))).toMatchObject({
      argument: "state.list[0].circular",
      expected: "free of cycles",
    });
  });

  test("refuses nesting too deep for the stack", () => {
    const text = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    expect(() => toJsonText(JSON.parse(text), "state")).toThrow(InvalidArgumentError);
    expect(() => toJsonText(JSON.parse(text), "state")).toThrow(/nested/);
  });

  test("accepts one object in two places", () => {
    const shared = { a: 1 };
    expect(toJsonText([shared, shared], "state")).toBe('[{"a":1},{"a":1}]');
  });

  test.each<[unknown, string]>([
    [{ a: undefined, b: 1 }, '{"b":1}'],
    [{ at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    [new URL("http://a.b/"), '"http://a.b/"'],
    [{ a: 1, toJSON: () => ({ b: 2 }) }, '{"b":2}'],
    [{ secret: new Map(), toJSON: () => "x" }, '"x"'],
    [[Number.NaN, Number.POSITIVE_INFINITY, -0], "[null,null,0]"],
    [Object.create(null), "{}"],
    [runInNewContext("({ a: [1, { b: 2 }] })"), '{"a":[1,{"b":2}]}'],
    [null, "null"],
  ])("writes %j", (value, text) => {
    expect(toJsonText(value, "state")).toBe(text);
  });

  test("names the path in the caller's argument", () => {
    const error = catchError(() => toJsonText({ session_state: { a: 1n } }, "run", { sessionState: { a: 1n } }));
    expect(error).toMatchObject({ argument: "run.sessionState.a" });
  });

  test.each([
    ["a\0b", "a\ufffdb"],
    ["\0\0", "\ufffd\ufffd"],
    ["\ud800", "\ufffd"],
    ["\udc00\ud800", "\ufffd\ufffd"],
    ["\\u0000", "\\u0000"],
    ["\\\0", "\\\ufffd"],
    ["\\\\ud800", "\\\\ud800"],
    ["\\ud83d😀\ud83d", "\\ud83d😀\ufffd"],
    ["\u0001\n\u2028", "\u0001\n\u2028"],
  ])("cleans %j in values and in keys", (dirty, clean) => {
    expect(JSON.parse(toJsonText({ [dirty]: dirty }, "state"))).toEqual({ [clean]: clean });
  });

  test("cleans any text, and nothing else", () => {
    const unit = fc.constantFrom("\0", "\ud800", "\udfff", "\\", "u0000", "ud800", "😀", '"', "a");
    const text = fc.array(unit).map((units) => units.join(""));
    fc.assert(
      fc.property(text, text, (key, value) => {
        const clean = (dirty: string) => dirty.replaceAll(/\0|\p{Surrogate}/gu, "\ufffd");
        expect(JSON.parse(toJsonText({ [key]: [value] }, "x"))).toEqual({ [clean(key)]: [clean(value)] });
      }),
    );
  });

  test("returns any JSON unchanged", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value = JSON.parse(text) as unknown;
        expect(JSON.stringify(parseJson(toJsonText({ value }, "x"), "x", null))).toBe(
          JSON.stringify({ value: JSON.parse(toWellFormedJson(text)) as unknown }),
        );
      }),
    );
  });

  test("keeps __proto__ an ordinary key", () => {
    const object: JsonObject = {};
    setKey(object, "__proto__", { polluted: true });
    setKey(object, "a", 1);
    const text = toJsonText(object, "x");
    expect(text).toBe('{"__proto__":{"polluted":true},"a":1}');
    expect(Object.keys(parseJson(text, "x", null) as JsonObject)).toEqual(["__proto__", "a"]);
  });

  test("is safe from keys that look like methods", () => {
    expect(toJsonText({ hasOwnProperty: 1, constructor: "x", toString: null }, "x")).toBe(
      '{"hasOwnProperty":1,"constructor":"x","toString":null}',
    );
  });
});

function catchError(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown");
}

test("a value whose JSON is longer than any string is refused for its length", () => {
  const text = "x".repeat(2 ** 27);
  const error = { argument: "run", expected: expect.stringContaining("smaller") as string };
  expect(() => toJsonText([text, text, text, text], "run")).toThrow(expect.objectContaining(error));
});

function pythonJson(value: unknown): string {
  if (typeof value === "number") {
    return Number.isNaN(value) ? "NaN" : String(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map(pythonJson).join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const pairs = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${pythonJson(item)}`);
    return `{${pairs.join(", ")}}`;
  }
  return JSON.stringify(value);
}

function toWellFormedJson(text: string): string {
  return JSON.stringify(JSON.parse(text)).replace(/\\(u0000|ud[89a-f]..|.)/g, (escape) =>
    escape.length > 2 ? "\ufffd" : escape,
  );
}
