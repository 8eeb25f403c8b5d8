import { startWorker, type Worker } from "@sessiondb/testing/worker";

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
export class TaskWorker implements AsyncDisposable {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Resolves once it is there: a process takes a second to start. */
  static async start(): Promise<TaskWorker> {
    const worker = startWorker(new URL("workers/worker.ts", import.meta.url), []);
    await worker.next();
    return new TaskWorker(worker);
  }

  static startAll(count: number): Promise<TaskWorker[]> {
    return Promise.all(Array.from({ length: count }, () => TaskWorker.start()));
  }

  async run(task: Task): Promise<unknown> {
    this.#worker.tell(JSON.stringify(task));
    const { result, error } = JSON.parse(await this.#worker.next()) as { result?: unknown; error?: string };
    if (error !== undefined) {
      throw new Error(error);
    }
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker[Symbol.asyncDispose]();
  }
}
