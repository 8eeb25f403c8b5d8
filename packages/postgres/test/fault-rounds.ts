import { expect } from "vitest";
import { startPostgres } from "../../../scripts/servers/postgres.ts";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { faultRounds } from "@sessiondb/testing/fault-rounds";
import { startWorker } from "@sessiondb/testing/worker";

/** Breaks clients, a server and the network between them, again and again. */
export async function faultRoundsOf(binaries: string, rounds: number): Promise<void> {
  const server = await startPostgres({ binaries, durable: true });
  try {
    const wrong = await faultRounds({
      server,
      rounds,
      startClient: (url, name) => startWorker(new URL("workers/endure.ts", import.meta.url), [url, name]),
      open: (url) => new PostgresSessionDb({ url, schema: "faults" }),
    });
    expect(wrong).toEqual([]);
  } finally {
    await server.stop();
  }
}
