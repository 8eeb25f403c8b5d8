import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { SessionDbError } from "@sessiondb/core";
import { fromUrl, SqliteSessionDb } from "@sessiondb/sqlite";

// open-names file|url <names as JSON>: opens a store by each name, writes, and prints which files that made.
const [kind, names = "[]"] = process.argv.slice(2);

const isOurs = (name: string) => name !== "sub" && !/-(?:wal|shm)$/.test(name);
const madeIn = () => [...readdirSync(".").filter(isOurs), ...readdirSync("sub").map((name) => `sub/${name}`)];

async function open(given: string): Promise<object> {
  try {
    const db = kind === "url" ? fromUrl(given) : new SqliteSessionDb({ file: given });
    await db.upsertSession({ sessionType: "agent", sessionId: "s" });
    await db.close();
    return {};
  } catch (error) {
    if (!SessionDbError.isInstance(error)) {
      throw error;
    }
    return { code: error.code, message: error.message };
  }
}

const opened: object[] = [];
for (const given of JSON.parse(names) as string[]) {
  mkdirSync("sub");
  opened.push({ given, ...(await open(given)), made: madeIn() });
  for (const name of [...readdirSync("."), "sub"]) {
    rmSync(name, { recursive: true, force: true });
  }
}
process.stdout.write(JSON.stringify(opened));
