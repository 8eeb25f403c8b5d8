import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { benchmarkAgent } from "./agent.ts";
import { benchmarkCodec } from "./codec.ts";
import { benchmarkDatabase } from "./databases.ts";
import { databaseNames, type DatabaseName } from "./database-names.ts";
import { conditions, figuresFile, readFigures, writeFigures, type Figures } from "./figures.ts";
import type { Ground } from "./ground.ts";
import { measureLengths } from "./lengths.ts";
import { benchmarkMemories } from "./memories.ts";
import { MysqlGround } from "./mysql-ground.ts";
import { PostgresGround } from "./postgres-ground.ts";
import { writeReport } from "./report.ts";
import { showAgents, showCodec, showDatabase, showLengths, showMemories } from "./show.ts";
import { SqliteGround } from "./sqlite-ground.ts";

const grounds: Readonly<Record<DatabaseName, () => Promise<Ground | null>>> = {
  sqlite: async () => new SqliteGround(),
  postgres: () => PostgresGround.open(),
  mysql: () => MysqlGround.open("mysql"),
  mariadb: () => MysqlGround.open("mariadb"),
};

const quick = process.argv.includes("--quick");
const lengthSizes = quick
  ? { repetitions: 3, lengths: [10, 100, 1000] }
  : { repetitions: 30, lengths: [10, 30, 100, 300, 1000, 3000, 10_000] };
const sizes = quick
  ? { repetitions: 30, turns: 100, listed: 20_000, seconds: 1 }
  : { repetitions: 300, turns: 1000, listed: 1_000_000, seconds: 5 };

/** What can be measured, by the name to choose it by. Each part prints its figures. */
const parts: Readonly<Record<string, () => Promise<Figures>>> = {
  ...Object.fromEntries(databaseNames.map((name) => [name, () => database(name)])),
  codec: async () => {
    const codec = { ...conditions(), results: await benchmarkCodec(sizes) };
    showCodec(codec.results);
    return { codec };
  },
  agent: async () => {
    const agent = { ...conditions(), results: await benchmarkAgent(sizes) };
    showAgents(agent.results);
    return { agent };
  },
  memories: async () => {
    const memories = { ...conditions(), results: await benchmarkMemories(sizes) };
    showMemories(memories.results);
    return { memories };
  },
  plots: async () => {
    let figures: Figures = {};
    for (const name of databaseNames) {
      figures = { ...figures, ...(await lengthsOf(name)) };
    }
    return figures;
  },
};

async function database(name: DatabaseName): Promise<Figures> {
  return on(name, async (ground) => {
    const load = loadavg()[0] ?? 0;
    const measured = await benchmarkDatabase(ground, { ...sizes, repetitions: sizes.turns });
    showDatabase(name, measured, load);
    return { [name]: { ...conditions(), ...measured } };
  });
}

async function lengthsOf(name: DatabaseName): Promise<Figures> {
  return on(name, async (ground) => {
    const lengths = await measureLengths(ground, lengthSizes);
    showLengths(name, lengths);
    return { [`lengths of ${name}`]: { ...conditions(), ...lengths } };
  });
}

async function on(name: DatabaseName, measure: (ground: Ground) => Promise<Figures>): Promise<Figures> {
  const ground = await grounds[name]();
  if (ground === null) {
    console.log(`${name}: not measured: its server did not start\n`);
    return {};
  }
  try {
    return await measure(ground);
  } finally {
    await ground.close();
  }
}

const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const unknown = named.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  console.error(`There is no benchmark of ${unknown.join(", ")}, but of ${Object.keys(parts).join(", ")}`);
  process.exit(1);
}

let measured: Figures = {};
for (const [name, part] of Object.entries(parts)) {
  if (named.length === 0 || named.includes(name)) {
    measured = { ...measured, ...(await part()) };
  }
}
writeFigures(measured, new URL("../results.json", import.meta.url));
if (!quick) {
  mkdirSync(new URL(".", figuresFile), { recursive: true });
  writeFigures({ ...readFigures(), ...measured });
  const figures = readFigures();
  // Only now, so that a whole browser's objects are not in what is measured.
  const { plotsOf } = await import("./plot-files.ts");
  for (const [file, plot] of plotsOf(figures)) {
    writeFileSync(new URL(file, figuresFile), plot);
  }
  writeReport(figures);
}
