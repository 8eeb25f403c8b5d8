import { startWorker } from "@sessiondb/testing/worker";
import { program, temporaryFile } from "./support.ts";

interface Written {
  /** For each writer the times that its calls took, in milliseconds. */
  readonly took: readonly (readonly number[])[];
  /** The codes of the calls that failed. */
  readonly failed: readonly string[];
}

/** Lets 16 writers in each of four processes append to one file at the same time. */
export async function manyWriters(seconds: number): Promise<Written> {
  const file = temporaryFile();
  const workers = ["a", "b", "c", "d"].map((name) => startWorker(program("write-for"), [file, name, 16, seconds]));
  await Promise.all(workers.map((worker) => worker.said("ready")));
  for (const worker of workers) {
    worker.tell("go");
  }
  await Promise.all(workers.map((worker) => worker.ended));
  const written = workers.map(({ lines }) => JSON.parse(lines.at(-1) ?? "") as Written);
  return { took: written.flatMap(({ took }) => took), failed: written.flatMap(({ failed }) => failed) };
}
