import { expect } from "vitest";
import { programOf } from "../../../scripts/servers/mysql-databases.ts";
import { startMysql, type MysqlProgram } from "../../../scripts/servers/mysql.ts";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { faultRounds } from "@sessiondb/testing/fault-rounds";
import { startWorker } from "@sessiondb/testing/worker";

/** Breaks clients, a server and the network between them, again and again. */
export async function faultRoundsOf(flavour: MysqlProgram["flavour"], rounds: number): Promise<void> {
  const program = await programOf(flavour);
  if (program === null) {
    throw new Error(`${flavour} is to be had as a container only, which cannot be killed here`);
  }
  const server = await startMysql({ program, durable: true });
  try {
    const wrong = await faultRounds({
      server,
      rounds,
      startClient: (url, name) => startWorker(new URL("workers/endure.ts", import.meta.url), [url, name]),
      open: (url) => new MySqlSessionDb({ url }),
    });
    expect(wrong).toEqual([]);
  } finally {
    await server.stop();
  }
}
