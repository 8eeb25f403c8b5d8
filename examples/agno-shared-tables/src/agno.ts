import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const program = fileURLToPath(new URL("../turn.py", import.meta.url));

/** An Agno agent in Python, on the same database file. */
export class AgnoAgent {
  readonly #python: string;

  private constructor(python: string) {
    this.#python = python;
  }

  /** Null where that Python has no Agno 3, or there is no such Python. */
  static async find(python: string): Promise<AgnoAgent | null> {
    const check = "import sqlalchemy; from importlib.metadata import version; print(version('agno'))";
    try {
      const { stdout } = await run(python, ["-c", check]);
      return Number.parseInt(stdout, 10) >= 3 ? new AgnoAgent(python) : null;
    } catch {
      return null;
    }
  }

  async ask(
    question: string,
    { file, sessionId, userId }: { file: string; sessionId: string; userId: string },
  ): Promise<string> {
    const { stdout } = await run(this.#python, [program, file, sessionId, userId, question]);
    return stdout.trim();
  }
}
