import type { JsonObject, Run } from "@sessiondb/core";
import { decodeRun, encodeRun, parseJson } from "@sessiondb/core/adapter";
import { measure, type Contest, type Result } from "./measure.ts";
import { grownRun, rowOfRun, sampleRuns, type SampleRun } from "./sample-runs.ts";

const session = { sessionId: "session", userId: "user", agentId: "agent", teamId: "team", workflowId: "workflow" };
const now = 1_790_000_000;
const sizes = { "1 KB": 1000, "10 KB": 10_000, "100 KB": 100_000, "1 MB": 1_000_000 };

/** How much slower than `JSON.parse` and `JSON.stringify` the codecs may be. */
const aims = { decode: 1.25, encode: 1.2 };

/** What the codecs take for some runs, beside JSON alone. */
export interface CodecResult {
  readonly runs: string;
  readonly decode: Result;
  readonly decodeAndRead: Result;
  readonly encode: Result;
}

/** Codes the sample runs of each kind, and runs of each size that were made from them. */
export async function benchmarkCodec({ repetitions }: { readonly repetitions: number }): Promise<CodecResult[]> {
  const samples = sampleRuns();
  const contests = (["agent", "team", "workflow"] as const).flatMap((runType) => {
    const ofKind = samples.filter((sample) => sample.runType === runType);
    const documents = ofKind.map(({ document }) => document);
    const grown = Object.entries(sizes).map(
      ([name, bytes]) => [`${runType} run of ${name}`, [grownRun(fittest(ofKind, bytes), bytes)]] as const,
    );
    return [[`${documents.length} sample ${runType} runs`, documents] as const, ...grown];
  });
  const results: CodecResult[] = [];
  for (const [runs, documents] of contests) {
    const measured = await measure(contestsOf(runs, documents, Math.ceil(repetitions / 3)));
    const [decode, decodeAndRead, encode] = measured as [Result, Result, Result];
    results.push({ runs, decode, decodeAndRead, encode });
  }
  return results;
}

/** The richest sample that is not larger than the wanted size, else the smallest. */
function fittest(samples: readonly SampleRun[], bytes: number): JsonObject {
  const bySize = samples
    .map(({ document }) => ({ document, size: JSON.stringify(document).length }))
    .toSorted((a, b) => a.size - b.size);
  const found = bySize.findLast(({ size }) => size <= bytes) ?? bySize[0];
  if (found === undefined) {
    throw new Error("There is no sample of this kind of run");
  }
  return found.document;
}

function contestsOf(
  name: string,
  documents: readonly JsonObject[],
  repetitions: number,
): [decode: Contest, decodeAndRead: Contest, encode: Contest] {
  const rows = documents.map((document) => ({ row: rowOfRun(document), text: JSON.stringify(document) }));
  const decode = ({ row, text }: (typeof rows)[number]): Run => {
    const runData = parseJson(text, "run_data", row.runId);
    return decodeRun({ ...row, runData });
  };
  // As a caller has them: plain objects, which no codec has seen.
  const runs = rows.map((row) => JSON.parse(JSON.stringify(plain(decode(row)))) as Run);
  const encode = (run: Run): string => encodeRun(run, session, { now }).runData;
  const values = runs.map((run) => JSON.parse(encode(run)) as JsonObject);
  warmUp(() => {
    rows.forEach(decode);
    runs.forEach(encode);
  });
  const times = batchOf(() => rows.forEach(({ text }) => JSON.parse(text)));
  const each = <Item>(items: readonly Item[], work: (item: Item) => unknown) => {
    return (): void => {
      for (let time = 0; time < times; time += 1) {
        for (const item of items) {
          work(item);
        }
      }
    };
  };
  return [
    {
      name: `decode ${name}`,
      atMost: aims.decode,
      repetitions,
      times,
      store: each(rows, decode),
      bare: each(rows, ({ text }) => JSON.parse(text)),
    },
    {
      name: `decode and read every property of ${name}`,
      atMost: null,
      repetitions,
      times,
      store: each(rows, (row) => readDeeply(decode(row))),
      bare: each(rows, ({ text }) => readDeeply(JSON.parse(text))),
    },
    {
      name: `encode ${name}`,
      atMost: aims.encode,
      repetitions,
      times,
      store: each(runs, encode),
      bare: each(values, (value) => JSON.stringify(value)),
    },
  ];
}

/** V8 takes about a thousand calls to compile a codec: before, one would measure a process that has just started. */
function warmUp(work: () => void): void {
  const start = performance.now();
  for (let time = 0; time < 2000 && performance.now() - start < 3000; time += 1) {
    work();
  }
}

/** How often to do work that is too short for the clock, to take about a millisecond. */
function batchOf(work: () => void): number {
  const start = performance.now();
  let times = 0;
  while (performance.now() - start < 20) {
    work();
    times += 1;
  }
  return Math.max(1, Math.round(times / 20));
}

/** Returns the number of the values in a value. */
function readDeeply(value: unknown): number {
  if (typeof value !== "object" || value === null) {
    return 1;
  }
  let read = 1;
  for (const key of Object.keys(value)) {
    read += readDeeply((value as Record<string, unknown>)[key]);
  }
  return read;
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]))
    : value;
}
