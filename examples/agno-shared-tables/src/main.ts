import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "@sessiondb/agent";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { AgnoAgent } from "./agno.ts";
import { listener } from "./listener.ts";

const agno = await AgnoAgent.find(process.env["PYTHON"] ?? "python3");
if (agno === null) {
  console.error("There is no Agno 3: python3 -m pip install agno sqlalchemy, and name that Python in PYTHON");
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "shared-tables-"));
const conversation = { file: join(folder, "agents.db"), sessionId: "chat-1", userId: "ada" };
try {
  await talk(agno);
} finally {
  rmSync(folder, { recursive: true });
}

async function talk(python: AgnoAgent): Promise<void> {
  const { file, sessionId, userId } = conversation;
  await using db = new SqliteSessionDb({ file });
  await using agent = new Agent({ id: "assistant", model: listener, db });
  const ours = async (question: string): Promise<string> => (await agent.run(question, { sessionId, userId })).text;
  const theirs = (question: string): Promise<string> => python.ask(question, conversation);

  console.log(`Agno:       ${await theirs("I am Ada.")}`);
  console.log(`TypeScript: ${await ours("I like tea.")}`);
  console.log(`Agno:       ${await theirs("I live in Paris.")}`);
  console.log(`TypeScript: ${await ours("Who am I?")}`);

  const session = await db.getSession({ sessionId, userId });
  console.log(`One session of ${session?.runs.length} runs, in one order.`);
  await db.deleteSession({ sessionId, userId });
  console.log(`Agno:       ${await theirs("And now?")}`);
}
