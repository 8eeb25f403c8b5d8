import type { AgentResult } from "./agent.ts";
import type { CodecResult } from "./codec.ts";
import type { DatabaseResults } from "./databases.ts";
import type { LengthResults } from "./lengths.ts";
import type { MemoriesResult } from "./memories.ts";
import type { Result } from "./measure.ts";

// Prints figures to the console.

export function showDatabase(name: string, { results, growths, throughput }: DatabaseResults, load: number): void {
  showResults(name, results);
  const { upsertRun, getSession, atMost } = growths;
  console.log(
    `10,000 runs over 10: upsertRun ${upsertRun.toFixed(2)}, getSession ${getSession.toFixed(2)} (aim ${atMost.toFixed(2)})`,
  );
  if (throughput === null) {
    console.log("Throughput was not measured: this Postgres has no pgbench");
  } else if (throughput !== undefined) {
    const { conversations, store, bare, pgbench, ofBare, ofPgbench } = throughput;
    console.log(
      `${conversations} conversations, turns per second: store ${store.toFixed(0)}, bare ${bare.toFixed(0)}, pgbench ${pgbench.toFixed(0)}; ` +
        `store over bare ${ofBare.ratio.toFixed(2)} (aim ${ofBare.atLeast.toFixed(2)}), ` +
        `over pgbench ${ofPgbench.ratio.toFixed(2)} (aim ${ofPgbench.atLeast.toFixed(2)})`,
    );
  }
  console.log(`load average before: ${load.toFixed(2)}\n`);
}

export function showCodec(results: readonly CodecResult[]): void {
  showResults(
    "codec",
    results.flatMap(({ decode, decodeAndRead, encode }) => [decode, decodeAndRead, encode]),
  );
  console.log();
}

export function showAgents(results: readonly AgentResult[]): void {
  for (const { database, length, reads, writes, turn, byHand, own, atMost } of results) {
    console.log(
      `An agent's turn on ${database} after ${length} runs: ${reads} read, ${writes} writes; ` +
        `${turn.toFixed(2)} ms of processor time, ${byHand.toFixed(2)} by hand, so ${own.toFixed(2)} of its own (aim ${atMost})`,
    );
  }
  console.log();
}

export function showMemories(measured: readonly MemoriesResult[]): void {
  for (const { database, results } of measured) {
    showResults(`memories on ${database}`, results);
  }
  console.log();
}

export function showLengths(name: string, { turn, read }: LengthResults): void {
  for (const [what, costs] of Object.entries({ turn, read })) {
    console.log(`${name}, ${what}: runs before`.padEnd(32), "store ms    bare ms  one column ms");
    for (const { runs, store, bare, oneColumn } of costs) {
      const times = [store, bare, oneColumn].map((time) => time.toPrecision(3).padStart(10));
      console.log(String(runs).padStart(30), ...times);
    }
  }
  console.log();
}

function showResults(heading: string, results: readonly Result[]): void {
  const width = Math.max(...results.map(({ name }) => name.length));
  console.log(`${heading.padEnd(width)}   store µs    bare µs   ratio   aim`);
  for (const { name, store, bare, ratio, atMost } of results) {
    const aim = atMost === null ? "" : `${atMost.toFixed(2).padStart(5)}${ratio <= atMost ? "" : "  over"}`;
    console.log(
      `${name.padEnd(width)} ${store.toFixed(1).padStart(10)} ${bare.toFixed(1).padStart(10)} ${ratio.toFixed(2).padStart(7)} ${aim}`,
    );
  }
}
