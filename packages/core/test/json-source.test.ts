import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonElements, parseSource, rewriteJson } from "../src/json-source.ts";
import type { JsonValue } from "../src/json.ts";

const read = (text: string): JsonValue => parseSource(text, "session_data", "s");
const rewrite = (text: string, change: (value: never) => unknown): string =>
  rewriteJson({ before: read(text), after: change(structuredClone(read(text)) as never) }, "change");

/** Numbers as Python and databases write them, which JavaScript would not write like this. */
const otherNumbers = ["9007199254740993", "-18446744073709551615", "1.0", "-0.0", "1e5", "1e-07", "0.10", "1e999"];
const numbers = fc.oneof(
  fc.constantFrom(...otherNumbers, `1${"0".repeat(400)}`),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);

/** A document as text, each object with keys that are awkward to copy. */
const keys = fc.oneof(
  fc.string(),
  fc.constantFrom("__proto__", "constructor", "toJSON", "a", "b", "\u00e9", "1", '"]'),
);
const space = fc.constantFrom("", " ", "\n\t");
const documents = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "medium" },
    numbers,
    fc.oneof(fc.string(), fc.constantFrom("[", '"', "\\", "}")).map((text) => JSON.stringify(text)),
    fc.constantFrom("true", "false", "null", '"\\u00e9\\/"'),
    tie("list"),
    tie("object"),
  ),
  list: fc
    .tuple(fc.array(tie("value"), { maxLength: 5 }), space)
    .map(([items, gap]) => `[${items.join(`${gap},${gap}`)}]`),
  object: fc
    .tuple(fc.array(fc.tuple(keys, tie("value")), { maxLength: 5 }), space)
    .map(
      ([members, gap]) =>
        `{${members.map(([key, text]) => `${gap}${JSON.stringify(key)}${gap}:${gap}${text}`).join(",")}}`,
    ),
}));

/** A value, so that one of the document's may be put anywhere. */
const values = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<JsonValue>;

type Path = readonly (string | number)[];

function pathsOf(value: JsonValue, path: Path = []): Path[] {
  const children =
    typeof value === "object" && value !== null ? Object.entries(value as Record<string, JsonValue>) : [];
  return [
    path,
    ...children.flatMap(([key, child]) => pathsOf(child, [...path, Array.isArray(value) ? Number(key) : key])),
  ];
}

/** The number tokens of a text by their paths: a reader of JSON of its own, which keeps numbers as text. */
function numbersAt(text: string): Map<string, string> {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token[0] === '"' ? token : `{"\0":"${token}"}`,
  );
  const found = new Map<string, string>();
  // NUL is in no key that the documents have.
  const walk = (value: JsonValue, path: Path): void => {
    if (typeof value !== "object" || value === null) {
      return;
    }
    for (const [key, child] of Object.entries(value as Record<string, JsonValue>)) {
      if (key === "\0") {
        found.set(JSON.stringify(path), child as string);
      } else {
        walk(child, [...path, key]);
      }
    }
  };
  walk(JSON.parse(marked.replaceAll('"\0"', '"\\u0000"')) as JsonValue, []);
  return found;
}

function isUnder(path: Path, place: string): boolean {
  const found = JSON.parse(place) as Path;
  return path.every((key, index) => String(key) === found[index]);
}

/** The document with another value at a path, or without it. */
function replaced(value: JsonValue, path: Path, by: JsonValue | undefined): JsonValue {
  const [key, ...rest] = path;
  if (key === undefined) {
    return by ?? null;
  }
  if (Array.isArray(value)) {
    const index = Number(key);
    const inner = rest.length === 0 && by === undefined ? [] : [replaced(value[index] ?? null, rest, by)];
    return [...value.slice(0, index), ...inner, ...value.slice(index + 1)];
  }
  const members = Object.entries(value as Record<string, JsonValue>).flatMap(([name, child]): [string, JsonValue][] => {
    if (name !== key) {
      return [[name, child]];
    }
    return rest.length === 0 && by === undefined ? [] : [[name, replaced(child, rest, by)]];
  });
  return Object.fromEntries(members);
}

/** As JSON has it: there is no infinity, and no zero below zero. */
const asJson = (value: JsonValue): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, each: unknown) => (typeof each === "number" && !Number.isFinite(each) ? 0 : each)),
  );

describe("rewriteJson", () => {
  test.each<[text: string, change: (value: never) => unknown, rewritten: string]>([
    ['{"a": 9007199254740993, "b": 1}', (value: object) => ({ ...value, b: 2 }), '{"a":9007199254740993,"b":2}'],
    ['{"a": 1.0, "b": 1}', (value: object) => ({ ...value, b: 2 }), '{"a":1.0,"b":2}'],
    ['{"a": 1.0, "b": 1}', (value: object) => value, '{"a": 1.0, "b": 1}'],
    ['{"a": 1.0, "b": 1}', (value: object) => ({ ...value, b: undefined }), '{"a":1.0}'],
    ['{"a": {"b": [1.0, {"c": 1}]}, "d": [1.0]}', () => ({ a: { b: [1, { c: 2 }] } }), '{"a":{"b":[1.0,{"c":2}]}}'],
    ["[1.0, 2.0, 3.0]", ([, ...rest]: number[]) => rest, "[2.0,3.0]"],
    ["[1.0, 2.0, 3.0]", (list: number[]) => [0, ...list], "[0,1.0,2.0,3.0]"],
    ["[1.0, 2.0, 3.0]", (list: number[]) => [...list, 4], "[1.0,2.0,3.0,4]"],
    ["[1.0, 2.0, 3.0]", ([first = 0, , last = 0]: number[]) => [first, last], "[1.0,3.0]"],
    ["[[1.0, 1], 2.0]", ([, last]: number[]) => [[1, 2], last, 3], "[[1.0,2],2.0,3]"],
    ['{"a": 1.0, "a": 2.0, "b": 1}', (value: object) => ({ ...value, b: 2 }), '{"a":2.0,"b":2}'],
    ['{"__proto__": 1.0, "b": 1}', () => JSON.parse('{"__proto__": 1, "b": 2}'), '{"__proto__":1.0,"b":2}'],
    ['"{\\"a\\": 1.0, \\"b\\": 1}"', (value: object) => ({ ...value, b: 2 }), '{"a":1.0,"b":2}'],
    ['{"a": 1.0}', () => ({ a: new Date(0) }), '{"a":"1970-01-01T00:00:00.000Z"}'],
    ['{"a": 1.0}', () => ({ a: { toJSON: () => 5 } }), '{"a":5}'],
    ['{"a": 1.0, "b": NaN}', (value: object) => value, '{"a":1,"b":null}'],
    ['{"a": 1.0, "b": -Infinity}', (value: object) => value, '{"a":1,"b":null}'],
    ['{"a": 1, "b": 2}', (value: object) => value, '{"a":1,"b":2}'],
    ['{"a": 1.0}', () => null, "null"],
    [' {"a": 1e999} ', (value: object) => ({ ...value, b: 1 }), '{"a":1e999,"b":1}'],
  ])("%s", (text, change, rewritten) => {
    expect(rewrite(text, change)).toBe(rewritten);
  });

  test("writes a change anywhere, and keeps the text of every other number", () => {
    const changes = fc.tuple(documents.object, fc.nat(), fc.option(values, { nil: undefined }));
    fc.assert(
      fc.property(changes, ([text, chosen, value]) => {
        const before = read(text);
        const paths = pathsOf(before);
        const path = paths[chosen % paths.length] ?? [];
        const after = replaced(before, path, value);
        const written = rewriteJson({ before, after }, "change");
        expect(asJson(JSON.parse(written) as JsonValue)).toEqual(asJson(after));
        const tokens = numbersAt(written);
        // The items behind one that was taken out have moved up.
        const list = path.slice(0, -1);
        const moves = value === undefined && typeof path.at(-1) === "number";
        const elsewhere = [...numbersAt(text)].filter(([at]) => !isUnder(moves ? list : path, at));
        expect(elsewhere.map(([at]) => [at, tokens.get(at)])).toEqual(elsewhere);
        const kept = [...numbersAt(text)].filter(([at]) => !isUnder(path, at)).map(([, token]) => token);
        // Of two neighbours that read as the same number, nobody can tell which one was taken out.
        const asRead = (each: Iterable<string>): number[] => [...each].map(Number).toSorted((x, y) => x - y);
        expect(moves ? asRead(tokens.values()) : []).toEqual(moves ? asRead(kept) : []);
        const known = new Set(numbersAt(text).values());
        expect(moves ? [...tokens.values()].filter((token) => !known.has(token)) : []).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  }, 30_000);

  test("writes any new value in place of the document", () => {
    fc.assert(
      fc.property(documents.value, values, (text, after) => {
        expect(asJson(JSON.parse(rewriteJson({ before: read(text), after }, "change")) as JsonValue)).toEqual(
          asJson(after),
        );
      }),
    );
  });

  test("writes deeply nested values all the same", () => {
    const depth = 250;
    const text = `${'{"a":'.repeat(depth)}{"b":1.0,"c":1}${"}".repeat(depth)}`;
    const deepened = rewrite(text, (value: object) => ({ x: value }));
    expect(asJson(JSON.parse(deepened) as JsonValue)).toEqual(asJson({ x: JSON.parse(text) as JsonValue }));
    let inner = structuredClone(read(text)) as Record<string, JsonValue>;
    const after = inner;
    while (inner["a"] !== undefined) {
      inner = inner["a"] as Record<string, JsonValue>;
    }
    inner["c"] = 2;
    expect(JSON.parse(rewriteJson({ before: read(text), after }, "change"))).toEqual(after);
  });

  test("accepts a long string", () => {
    const text = `{"a": "${"x".repeat(30_000_000)}", "b": 1.0, "c": 1}`;
    expect(rewrite(text, (value: object) => ({ ...value, c: 2 })).slice(-16)).toBe('","b":1.0,"c":2}');
  });
});

test("jsonElements", () => {
  fc.assert(
    fc.property(fc.array(documents.value), space, (texts, gap) => {
      expect(jsonElements(`${gap}[${texts.join(`${gap},${gap}`)}]${gap}`)).toEqual(texts);
    }),
  );
});
