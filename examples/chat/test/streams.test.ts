import { expect, test } from "vitest";
import { Streams } from "../src/streams.ts";

/** An answer whose chunks come when the test says so. */
function answer() {
  const { readable: stream, writable } = new TransformStream<string, string>(undefined, { highWaterMark: 10 });
  return { stream, own: writable.getWriter() };
}

async function textOf(stream: ReadableStream<string> | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) {
    text += chunk;
  }
  return text;
}

test("every reader gets an answer from its beginning, whenever it comes and whoever leaves", async () => {
  const streams = new Streams();
  const { stream, own } = answer();
  const kept = streams.keep("run", stream);
  const early = textOf(streams.read("run"));
  await own.write("Once ");
  const leaving = streams.read("run")?.getReader();
  expect(await leaving?.read()).toEqual({ done: false, value: "Once " });
  await leaving?.cancel();
  const late = textOf(streams.read("run"));
  await own.write("upon a time");
  await own.close();
  await kept;
  expect(await Promise.all([early, late])).toEqual(["Once upon a time", "Once upon a time"]);
  expect(streams.read("run")).toBeNull();
});

test("readers of an answer that fails learn that", async () => {
  const streams = new Streams();
  const { stream, own } = answer();
  const kept = streams.keep("run", stream);
  const read = textOf(streams.read("run"));
  await own.abort(new Error("Lost"));
  await kept;
  await expect(read).rejects.toThrow("Lost");
  expect(streams.read("run")).toBeNull();
});

test("an answer that is too long is read to its end, and not kept", async () => {
  const streams = new Streams({ characters: 10 });
  const { stream, own } = answer();
  const kept = streams.keep("run", stream);
  await own.write("x".repeat(10));
  const read = textOf(streams.read("run"));
  await own.write("x");
  await expect(read).rejects.toThrow("too long");
  expect(streams.read("run")).toBeNull();
  await own.write("x");
  await own.close();
  await kept;
});

test("no more answers are kept than allowed", async () => {
  const streams = new Streams({ answers: 1 });
  const [first, second] = [answer(), answer()];
  const kept = [streams.keep("first", first.stream), streams.keep("second", second.stream)];
  expect([streams.read("first"), streams.read("second")]).toEqual([expect.any(ReadableStream), null]);
  await first.own.close();
  await second.own.close();
  await Promise.all(kept);
});
