import { setTimeout as sleep } from "node:timers/promises";
import { Agent, type RunStream } from "@sessiondb/agent";
import { DatabaseFullError, InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { scriptedModel, type Script } from "@sessiondb/testing/scripted-model";
import { describe, expect, test } from "vitest";

// Whoever reads an answer, however and whenever, gets all of it once, and an end.

const answer = Array.from({ length: 30 }, (_, index) => `w${index} `).join("");

/** The kinds of streams: how each is opened, and the text of what it delivered. */
const kinds = {
  textStream: { open: (stream: RunStream) => stream.textStream, text: (item: unknown) => item as string },
  fullStream: { open: (stream: RunStream) => stream.fullStream, text: textOfPart("text") },
  toUIMessageStream: { open: (stream: RunStream) => stream.toUIMessageStream(), text: textOfPart("delta") },
  toTextStreamResponse: { open: (stream: RunStream) => bodyOf(stream.toTextStreamResponse()), text: decoded },
  toUIMessageStreamResponse: { open: (stream: RunStream) => bodyOf(stream.toUIMessageStreamResponse()), text: deltas },
} as const;
type Kind = keyof typeof kinds;

function textOfPart(key: "text" | "delta"): (item: unknown) => string {
  return (item) => {
    const part = item as { readonly type: string } & Partial<Record<typeof key, string>>;
    return part.type === "text-delta" ? (part[key] ?? "") : "";
  };
}

function bodyOf({ body }: Response): ReadableStream<Uint8Array> {
  if (body === null) {
    throw new Error("The response has no body");
  }
  return body;
}

function decoded(item: unknown): string {
  return new TextDecoder().decode(item as Uint8Array);
}

/** The text in the events of a UI message stream. */
function deltas(item: unknown): string {
  const events = decoded(item).matchAll(/^data: (\{.*\})$/gm);
  return [...events].map(([, json]) => textOfPart("delta")(JSON.parse(json ?? ""))).join("");
}

interface Reading {
  readonly items: unknown[];
  readonly text: string;
  readonly error: unknown;
}

/** Reads a stream to its end, pausing before each item. */
async function read(stream: RunStream, kind: Kind, pause: number | null): Promise<Reading> {
  const { open, text } = kinds[kind];
  const items: unknown[] = [];
  let error: unknown = null;
  try {
    for await (const item of open(stream) as ReadableStream<unknown>) {
      items.push(item);
      if (pause !== null) {
        await sleep(pause);
      }
    }
  } catch (caught) {
    error = caught;
  }
  return { items, text: items.map(text).join(""), error };
}

const readers: Readonly<Record<string, (stream: RunStream, kind: Kind) => Promise<readonly Reading[]>>> = {
  fast: async (stream, kind) => [await read(stream, kind, null)],
  slow: async (stream, kind) => [await read(stream, kind, 3)],
  late: async (stream, kind) => {
    await stream.result.catch(() => null);
    await sleep(5);
    return [await read(stream, kind, null)];
  },
  "late and slow": async (stream, kind) => {
    await stream.result.catch(() => null);
    return [await read(stream, kind, 2)];
  },
  "two, of which one is slow": async (stream, kind) => Promise.all([read(stream, kind, 3), read(stream, kind, null)]),
};

async function streamOf(script: Script, options: { readonly db?: SessionDb; readonly signal?: AbortSignal } = {}) {
  const { db = new InMemorySessionDb(), signal } = options;
  const agent = new Agent({ model: scriptedModel(script), db, sessionId: "s", generation: { maxRetries: 0 } });
  return agent.stream("Hi", signal === undefined ? {} : { signal });
}

/** A store whose disk is full when the answer is to be stored. */
function fullAtTheEnd(): SessionDb {
  const db = new InMemorySessionDb();
  const upsertRun = db.upsertRun.bind(db);
  db.upsertRun = async (options) => {
    if (options.run.status !== "RUNNING") {
      throw new DatabaseFullError("The disk is full.");
    }
    return upsertRun(options);
  };
  return db;
}

const ofEveryKind = Object.keys(kinds) as Kind[];
const ofEveryReader = Object.keys(readers);
const cells = ofEveryKind.flatMap((kind) => ofEveryReader.map((reader) => ({ kind, reader })));
const isUi = (kind: Kind): boolean => kind.startsWith("toUI");

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : null;
}

/** The types of the items, in which a response's events are counted singly. */
function typesOf({ items }: Reading): unknown[] {
  return items.flatMap((item) =>
    item instanceof Uint8Array
      ? [...decoded(item).matchAll(/"type":"([\w-]+)"/g)].map(([, type]) => type)
      : [(item as { readonly type?: unknown }).type],
  );
}

describe.concurrent.each(cells)("$kind, read by a reader that is $reader,", ({ kind, reader }) => {
  const readWith = readers[reader] as (typeof readers)[string];

  test.concurrent("delivers the whole answer once, and ends when it is stored", async () => {
    const db = new InMemorySessionDb();
    const stream = await streamOf([answer], { db });
    for (const reading of await readWith(stream, kind)) {
      expect(reading).toMatchObject({ text: answer, error: null });
      const finishes = typesOf(reading).filter((type) => type === "finish");
      expect(finishes).toHaveLength(kind === "fullStream" || isUi(kind) ? 1 : 0);
    }
    expect((await db.getRun({ runId: stream.runId }))?.status).toBe("COMPLETED");
  });

  test.concurrent.each([
    ["after its text", { failsAfter: answer, error: new Error("overloaded") }, new InMemorySessionDb()],
    ["at once", new Error("overloaded"), new InMemorySessionDb()],
    ["before the store fails too", { failsAfter: answer, error: new Error("overloaded") }, fullAtTheEnd()],
  ])("delivers what a failing model said, and tells the failure once: %s", async (_when, failing, db) => {
    const stream = await streamOf([failing], { db });
    for (const reading of await readWith(stream, kind)) {
      expect(reading.text).toBe(failing instanceof Error ? "" : answer);
      const types = typesOf(reading);
      const told = types.filter((type) => type === "error").length + (reading.error === null ? 0 : 1);
      expect(told).toBe(1);
      const isEnd = types.at(-1) === "error" && !types.includes("finish");
      expect(isEnd || !isUi(kind)).toBe(true);
    }
    await expect(stream.result).rejects.toThrow("overloaded");
  });

  test.concurrent("tells that the answer could not be stored, and never that it is finished", async () => {
    const stream = await streamOf([answer], { db: fullAtTheEnd() });
    for (const reading of await readWith(stream, kind)) {
      expect(reading.text).toBe(answer);
      expect(typesOf(reading)).not.toContain("finish");
      const errors = typesOf(reading).filter((type) => type === "error");
      expect([errors.length, codeOf(reading.error)]).toEqual(isUi(kind) ? [1, null] : [0, "DATABASE_FULL"]);
    }
    await expect(stream.result).rejects.toMatchObject({ code: "DATABASE_FULL" });
  });

  test.concurrent("ends with what had arrived when the run is aborted, of a model that does not listen too", async () => {
    const controller = new AbortController();
    const stream = await streamOf([{ stuckAfter: "Half an" }], { signal: controller.signal });
    const reading = readWith(stream, kind);
    await sleep(100);
    controller.abort();
    for (const { text } of await reading) {
      expect(text).toBe("Half an");
    }
    expect(await stream.result).toMatchObject({ status: "CANCELLED", text: "Half an" });
  });
});

test.concurrent.each(ofEveryKind)("%s, left by its reader after any number of items, cancels the run", async (kind) => {
  for (const left of [1, 2, 5]) {
    const db = new InMemorySessionDb();
    const stream = await streamOf([{ stuckAfter: "Half an" }], { db });
    const body = (kinds[kind].open(stream) as ReadableStream<unknown>).getReader();
    for (let count = 0; count < left && count < (kind.includes("ext") ? 1 : 3); count += 1) {
      await body.read();
    }
    await body.cancel();
    expect((await stream.result).status).toBe("CANCELLED");
    expect((await db.getRun({ runId: stream.runId }))?.status).toBe("CANCELLED");
  }
});
