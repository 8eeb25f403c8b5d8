import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { SessionDb } from "@sessiondb/core";
import type { BarePostgres } from "./bare-postgres.ts";
import { rowOf, runOf, sessionOf } from "./data.ts";
import { median } from "./measure.ts";
import type { Server } from "./server.ts";

export interface Throughput {
  readonly conversations: number;
  /** Turns in a second, each one read of the history and one write; medians of the rounds. */
  readonly store: number;
  /** One process of Node on the bare driver. */
  readonly bare: number;
  /** pgbench with the same statements, which parses nothing. */
  readonly pgbench: number;
  /** The medians of store / bare and of store / pgbench, round by round, and the least that is aimed at. */
  readonly ofBare: Share;
  readonly ofPgbench: Share;
}

interface Share {
  readonly ratio: number;
  readonly atLeast: number;
}

const conversations = 32;
const rounds = 3;

interface ThroughputOptions {
  readonly server: Server;
  readonly store: SessionDb;
  readonly bare: BarePostgres;
  readonly seconds: number;
}

/** 32 conversations at once, each in its own session, against the bare driver and pgbench with its statements. Null without pgbench. */
export async function measureThroughput(options: ThroughputOptions): Promise<Throughput | null> {
  const { server, store, bare, seconds } = options;
  const pgbench = join(server.binaries ?? "", "pgbench");
  if (!existsSync(pgbench)) {
    return null;
  }
  const folder = mkdtempSync(join(tmpdir(), "sessiondb-bench-"));
  const script = join(folder, "turn.sql");
  writeFileSync(script, pgbenchScript(bare));
  const rates = { store: [] as number[], bare: [] as number[], pgbench: [] as number[] };
  try {
    for (let round = 0; round < rounds; round += 1) {
      rates.pgbench.push(await runPgbench({ pgbench, script, server, seconds }));
      rates.store.push(
        await turnsPerSecond(seconds, async (sessionId) => {
          await store.getSession({ sessionId, runsLimit: 10 });
          await store.upsertRun({ session: sessionOf(sessionId), run: runOf(crypto.randomUUID()) });
        }),
      );
      rates.bare.push(
        await turnsPerSecond(seconds, async (sessionId) => {
          await bare.read(sessionId);
          await bare.append(crypto.randomUUID(), sessionId);
        }),
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const result = { store: median(rates.store), bare: median(rates.bare), pgbench: median(rates.pgbench) };
  const ratioTo = (other: readonly number[]): number =>
    median(rates.store.map((rate, round) => rate / (other[round] ?? Number.NaN)));
  return {
    conversations,
    ...result,
    ofBare: { ratio: ratioTo(rates.bare), atLeast: 0.8 },
    ofPgbench: { ratio: ratioTo(rates.pgbench), atLeast: 0.65 },
  };
}

async function turnsPerSecond(seconds: number, turn: (sessionId: string) => Promise<void>): Promise<number> {
  const start = performance.now();
  const end = start + seconds * 1000;
  let turns = 0;
  await Promise.all(
    Array.from({ length: conversations }, async (_, index) => {
      while (performance.now() < end) {
        await turn(`10 ${index}`);
        turns += 1;
      }
    }),
  );
  return turns / ((performance.now() - start) / 1000);
}

/** pgbench names parameters with a colon, and binds them to statements that it has prepared. */
function pgbenchScript({ appendStatement, readStatement }: BarePostgres): string {
  const values = [
    "",
    ":now::bigint",
    "('10 ' || :client_id::text)",
    ":user::text",
    "('p ' || :id::text)",
    ":data::jsonb",
  ];
  const lines = [readStatement.replaceAll("$1", "$2"), appendStatement].map((statement) =>
    statement.replaceAll(/\s+/g, " ").replaceAll(/\$(\d)/g, (_, number: string) => values[Number(number)] ?? ""),
  );
  return `\\set id random(1, 9000000000000000000)\n${lines.join(";\n")};\n`;
}

interface PgbenchOptions {
  readonly pgbench: string;
  readonly script: string;
  readonly server: Server;
  readonly seconds: number;
}

async function runPgbench({ pgbench, script, server, seconds }: PgbenchOptions): Promise<number> {
  const { hostname, port, username, pathname } = new URL(server.url);
  const settings = ["--no-vacuum", "--protocol=prepared", `--client=${conversations}`, "--jobs=2", `--time=${seconds}`];
  const data = JSON.stringify(rowOf("turn of pgbench", "session"));
  const variables = [`now=${Math.floor(Date.now() / 1000)}`, "user=user", `data=${data}`].map(
    (each) => `--define=${each}`,
  );
  const place = [`--host=${hostname}`, `--port=${port}`, `--username=${username}`, pathname.slice(1)];
  const { stdout } = await promisify(execFile)(pgbench, [...settings, ...variables, `--file=${script}`, ...place]);
  const rate = Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  if (!(rate > 0)) {
    throw new Error(`pgbench said no rate:\n${stdout}`);
  }
  return rate;
}
