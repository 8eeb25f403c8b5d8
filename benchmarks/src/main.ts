import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import type { Result } from "./measure.ts";
import { benchmarkSqlite } from "./sqlite.ts";

const quick = process.argv.includes("--quick");
const results = await benchmarkSqlite(
  quick ? { repetitions: 30, listed: 20_000 } : { repetitions: 300, listed: 200_000 },
);

const width = Math.max(...results.map(({ name }) => name.length));
console.log(`${"".padEnd(width)}   store µs    bare µs   ratio   aim`);
for (const { name, store, bare, ratio, atMost } of results) {
  const mark = ratio <= atMost ? "" : "  over";
  console.log(
    `${name.padEnd(width)} ${store.toFixed(1).padStart(10)} ${bare.toFixed(1).padStart(10)} ${ratio.toFixed(2).padStart(7)} ${atMost.toFixed(2).padStart(5)}${mark}`,
  );
}

/** The cost at 10,000 runs over that at 10: what a turn must not grow by. */
function growth(operation: string): number {
  const of = (length: string): Result | undefined =>
    results.find(({ name }) => name.startsWith(operation) && name.includes(` ${length} `));
  return (of("10000")?.store ?? Number.NaN) / (of("10")?.store ?? Number.NaN);
}

const growths = { upsertRun: growth("upsertRun"), getSession: growth("getSession") };
console.log(
  `\n10,000 runs over 10: upsertRun ${growths.upsertRun.toFixed(2)}, getSession ${growths.getSession.toFixed(2)} (aim 1.30)`,
);

const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
const file = new URL("../results.json", import.meta.url);
writeFileSync(file, `${JSON.stringify({ quick, machine, results, growths }, null, 2)}\n`);
