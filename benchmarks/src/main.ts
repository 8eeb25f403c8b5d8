import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { benchmarkAgent } from "./agent.ts";
import { benchmarkCodec } from "./codec.ts";
import type { Result } from "./measure.ts";
import { benchmarkMysql } from "./mysql.ts";
import { benchmarkPostgres, type ServerResults } from "./postgres.ts";
import { benchmarkSqlite } from "./sqlite.ts";
import type { Throughput } from "./throughput.ts";

const quick = process.argv.includes("--quick");
const sizes = quick
  ? { repetitions: 30, listed: 20_000, seconds: 1 }
  : { repetitions: 300, listed: 1_000_000, seconds: 5 };

const benchmarks: Readonly<Record<string, () => Promise<ServerResults | null>>> = {
  sqlite: async () => ({ results: await benchmarkSqlite({ ...sizes, listed: quick ? 20_000 : 200_000 }) }),
  postgres: () => benchmarkPostgres(sizes),
  mysql: () => benchmarkMysql("mysql", sizes),
  mariadb: () => benchmarkMysql("mariadb", sizes),
};

const agent = "agent";
const codec = "codec";
const names = [...Object.keys(benchmarks), codec, agent];
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const unknown = named.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`There is no benchmark of ${unknown.join(", ")}, but of ${names.join(", ")}`);
  process.exit(1);
}

const databases: Record<string, unknown> = {};
for (const [name, benchmark] of Object.entries(benchmarks)) {
  if (named.length > 0 && !named.includes(name)) {
    continue;
  }
  const loadBefore = loadavg()[0];
  const measured = await benchmark();
  if (measured === null) {
    console.log(`${name}: not measured: its server did not start\n`);
    continue;
  }
  const { results, throughput } = measured;
  const growths = { upsertRun: growth(results, "upsertRun"), getSession: growth(results, "getSession") };
  show(name, results);
  console.log(
    `10,000 runs over 10: upsertRun ${growths.upsertRun.toFixed(2)}, getSession ${growths.getSession.toFixed(2)} (aim 1.30)`,
  );
  showThroughput(throughput);
  console.log(`load average before: ${loadBefore?.toFixed(2)}\n`);
  databases[name] = { loadBefore, results, growths, ...(throughput !== undefined && { throughput }) };
}

const codecs = named.length === 0 || named.includes(codec) ? await benchmarkCodec(sizes) : [];
if (codecs.length > 0) {
  show(codec, codecs);
  console.log();
}

const agents = named.length === 0 || named.includes(agent) ? await benchmarkAgent(sizes) : [];
for (const { database, length, reads, writes, turn, byHand, own, atMost } of agents) {
  console.log(
    `An agent's turn on ${database} after ${length} runs: ${reads} read, ${writes} writes; ` +
      `${turn.toFixed(2)} ms of processor time, ${byHand.toFixed(2)} by hand, so ${own.toFixed(2)} of its own (aim ${atMost})`,
  );
}

const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
const file = new URL("../results.json", import.meta.url);
writeFileSync(file, `${JSON.stringify({ quick, machine, databases, codecs, agents }, null, 2)}\n`);

function show(name: string, results: readonly Result[]): void {
  const width = Math.max(...results.map((result) => result.name.length));
  console.log(`${name.padEnd(width)}   store µs    bare µs   ratio   aim`);
  for (const { name: what, store, bare, ratio, atMost } of results) {
    const aim = atMost === null ? "" : `${atMost.toFixed(2).padStart(5)}${ratio <= atMost ? "" : "  over"}`;
    console.log(
      `${what.padEnd(width)} ${store.toFixed(1).padStart(10)} ${bare.toFixed(1).padStart(10)} ${ratio.toFixed(2).padStart(7)} ${aim}`,
    );
  }
}

/** The cost at 10,000 runs over that at 10: what a turn must not grow by. */
function growth(results: readonly Result[], operation: string): number {
  const of = (length: string): Result | undefined =>
    results.find(({ name }) => name.startsWith(operation) && name.includes(` ${length} `));
  return (of("10000")?.store ?? Number.NaN) / (of("10")?.store ?? Number.NaN);
}

function showThroughput(throughput: Throughput | null | undefined): void {
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
}
