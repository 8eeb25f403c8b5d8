import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { Layouts } from "../src/models/layouts.ts";

const run = promisify(execFile);

/** Runs the worker in a process of its own. */
async function printed(flags: readonly string[]): Promise<string[]> {
  const worker = fileURLToPath(new URL("workers/codecs.ts", import.meta.url));
  const source = ["-C", "@sessiondb/source", "--import", import.meta.resolve("tsx"), worker];
  const { stdout } = await run(process.execPath, [...flags, ...source], { maxBuffer: 1e9 });
  return stdout.trimEnd().split("\n");
}

test("compiled codecs return what the others do, and a runtime that compiles no text needs none", async () => {
  const [compiled, plain] = await Promise.all([printed([]), printed(["--disallow-code-generation-from-strings"])]);
  expect(compiled.pop()).toBe("compiled");
  expect(plain.pop()).toBe("not compiled");
  expect(compiled.length).toBeGreaterThan(2000);
  expect(compiled).toEqual(plain);
});

describe("layouts", () => {
  test("are told apart by their keys and the order of these", () => {
    const layouts = new Layouts((keys) => keys.join());
    const objects = [{ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 1 }, {}, { a: 1, b: 2, c: 3 }, { a: 1, c: 3 }];
    for (let round = 0; round < 20; round += 1) {
      objects.forEach((object) => layouts.of(object));
    }
    expect(objects.map((object) => layouts.of(object))).toEqual(["a,b", "b,a", "a", "", "a,b,c", "a,c"]);
  });

  test("are made once, and only if they are common", () => {
    const made: (readonly string[])[] = [];
    const layouts = new Layouts((keys) => {
      made.push(keys);
      return null;
    });
    layouts.of({ rare: 1 });
    for (let round = 0; round < 100; round += 1) {
      expect(layouts.of({ common: round })).toBeNull();
    }
    expect(made).toEqual([["common"]]);
  });

  test("are made for the keys that led to them, whatever an object says when it is asked again", () => {
    const layouts = new Layouts((keys) => keys.join());
    const changing = () => {
      let asked = 0;
      const ownKeys = (): string[] => ((asked += 1) === 1 ? ["a", "b"] : ["a"]);
      return new Proxy({ a: 1, b: 2 }, { ownKeys });
    };
    for (let round = 0; round < 20; round += 1) {
      layouts.of(changing());
    }
    expect(layouts.of({ a: 1, b: 2 })).toBe("a,b");
  });

  test("keep no key that is too long for a name", () => {
    const made: (readonly string[])[] = [];
    const layouts = new Layouts((keys) => made.push(keys));
    for (let round = 0; round < 20; round += 1) {
      expect(layouts.of({ a: 1, ["k".repeat(1000)]: 1 })).toBeNull();
    }
    expect(made).toEqual([]);
  });

  test("stop growing with data that always has new keys, and keep those that they know", () => {
    let made = 0;
    const layouts = new Layouts(() => (made += 1));
    const known = (): number | null => layouts.of({ known: 1 });
    for (let round = 0; round < 10; round += 1) {
      known();
    }
    for (let key = 0; key < 10_000; key += 1) {
      for (let round = 0; round < 10; round += 1) {
        layouts.of({ [`key ${key}`]: 1 });
      }
    }
    expect(known()).toBe(1);
    expect(made).toBeLessThan(5000);
  });
});
