import { SqliteSessionDb } from "@sessiondb/sqlite";
import { BareSqlite } from "./bare-sqlite.ts";
import type { Ground } from "./ground.ts";
import { measure, type Contest, type Result } from "./measure.ts";
import { PostgresGround } from "./postgres-ground.ts";
import { SqliteGround } from "./sqlite-ground.ts";
import { measureThroughput, type Throughput } from "./throughput.ts";
import { growthsOf, listing, sessionsToAppend, turns, type Growths } from "./turns.ts";

export interface DatabaseOptions {
  /** How often to do each piece of work. */
  readonly repetitions: number;
  /** How many sessions the list is taken from. */
  readonly listed: number;
  /** Seconds for each side of a round of conversations. */
  readonly seconds: number;
}

export interface DatabaseResults {
  /** Of the database and its driver. */
  readonly versions: string;
  readonly results: Result[];
  readonly growths: Growths;
  /** On Postgres alone, and null without pgbench. */
  readonly throughput?: Throughput | null;
}

/** Measures the store beside the work by hand. Either side has tables of its own, and lists from common ones. */
export async function benchmarkDatabase(ground: Ground, options: DatabaseOptions): Promise<DatabaseResults> {
  const { repetitions, listed, seconds } = options;
  for (const name of ["store", "bare"]) {
    await ground.make(name, { toAppend: sessionsToAppend(repetitions), toList: 0 });
  }
  await ground.make("listed", { toAppend: [], toList: listed });
  const [store, bare] = [ground.store("store"), ground.bare("bare")];
  const lists = listing({ store: ground.store("listed"), bare: ground.bare("listed"), repetitions, listed });
  const results = [
    ...(await measure(turns({ store, bare, repetitions }))),
    ...(await measure([lists, ...(ground instanceof SqliteGround ? [opening(ground, repetitions)] : [])])),
  ];
  const { versions } = ground;
  const measured = { versions, results, growths: growthsOf(results) };
  return ground instanceof PostgresGround
    ? {
        ...measured,
        throughput: await measureThroughput({ server: ground.server, store, bare: ground.bare("bare"), seconds }),
      }
    : measured;
}

function opening(ground: SqliteGround, repetitions: number): Contest {
  const read = "1000 0";
  return {
    name: "open, read one session, close",
    atMost: 1.5,
    repetitions,
    store: async () => {
      await using db = new SqliteSessionDb({ file: ground.file("store") });
      await db.getSession({ sessionId: read, runsLimit: 10 });
    },
    bare: () => {
      const opened = new BareSqlite(ground.file("bare"));
      opened.read(read);
      opened.client.close();
    },
  };
}
