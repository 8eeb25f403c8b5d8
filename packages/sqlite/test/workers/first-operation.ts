import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SqliteSessionDb } from "@sessiondb/sqlite";

// first-operation <folder> <rounds> <name>: in each round, as soon as the signal file is there, the first operation of a
// new store on a new file. One process serves all rounds, since starting it takes longer than what is tested.
const [folder = "", rounds = "0", name = ""] = process.argv.slice(2);

process.stdout.write("ready\n");
for (let round = 0; round < Number(rounds); round += 1) {
  while (!existsSync(`${folder}/go-${round}`)) {
    await sleep(1);
  }
  await using db = new SqliteSessionDb({ file: `${folder}/${round}.db`, busyTimeout: 60_000 });
  await db.upsertRun({
    session: { sessionType: "agent", sessionId: "s", agentId: "agent-1" },
    run: { runType: "agent", runId: name },
  });
  process.stdout.write(`done ${round}\n`);
}
