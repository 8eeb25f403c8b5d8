import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What `workers/worker.ts` can do. */
export type Task = { url: string } & (
  | { task: "append"; sessionId: string; writers: readonly string[]; runs: number }
  | { task: "increment"; sessionId: string; times: number }
  | { task: "turns"; sessionIds: readonly string[] }
  | { task: "first"; sessionId: string }
  | { task: "note"; sessionId: string }
  | { task: "pop"; runId: string; times: number }
  | { task: "cross"; sessionIds: readonly string[]; name: string; times: number }
  | { task: "together"; sessionIds: readonly string[]; times: number }
  | { task: "endure"; sessionId: string; milliseconds: number; name: string }
);
export type TaskName = Task["task"];

/** A process of its own with stores of its own. */
export class Worker implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #ended: Promise<unknown>;

  constructor() {
    const program = fileURLToPath(new URL("workers/worker.ts", import.meta.url));
    const args = ["-C", "@sessiondb/source", "--import", import.meta.resolve("tsx"), program];
    this.#process = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    if (this.#process.stdout === null) {
      throw new TypeError("A worker answers on its standard output");
    }
    this.#lines = createInterface({ input: this.#process.stdout });
    this.#ended = once(this.#process, "exit");
  }

  async run(task: Task): Promise<unknown> {
    this.#process.stdin?.write(`${JSON.stringify(task)}\n`);
    const [line] = (await Promise.race([once(this.#lines, "line"), this.#ended])) as [unknown];
    if (typeof line !== "string") {
      throw new Error(`The worker ended with ${String(line)}`);
    }
    const answer = JSON.parse(line) as { result?: unknown; error?: string };
    if (answer.error !== undefined) {
      throw new Error(answer.error);
    }
    return answer.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin?.end();
    await this.#ended;
  }
}
