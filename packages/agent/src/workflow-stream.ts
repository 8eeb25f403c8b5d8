import type { WorkflowEvent, WorkflowRunResult } from "./workflow-options.ts";

/**
 * What happens in a workflow while it runs. The run goes on whether anybody reads or not; who leaves the loop cancels it.
 * The last event comes, and the loop ends, when the run is stored; the loop throws what the run rejects with.
 */
export class WorkflowStream implements AsyncIterable<WorkflowEvent> {
  /** How the run ended; a cancelled run resolves with what was done. Rejects with what a step or the storage threw. */
  readonly result: Promise<WorkflowRunResult>;
  readonly #controller = new AbortController();
  readonly #events: WorkflowEvent[] = [];
  #ended = false;
  #wake: () => void = () => {};

  constructor(run: (emit: (event: WorkflowEvent) => void, signal: AbortSignal) => Promise<WorkflowRunResult>) {
    const emit = (event: WorkflowEvent): void => {
      this.#events.push(event);
      this.#wake();
    };
    this.result = run(emit, this.#controller.signal).finally(() => {
      this.#ended = true;
      this.#wake();
    });
    // The loop tells of it too.
    this.result.catch(() => {});
  }

  async *[Symbol.asyncIterator](): AsyncIterator<WorkflowEvent> {
    let next = 0;
    try {
      while (!this.#ended || next < this.#events.length) {
        const event = this.#events[next];
        if (event === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        } else {
          next += 1;
          yield event;
        }
      }
      await this.result;
    } finally {
      this.#controller.abort(new DOMException("The reader of the workflow's events went away.", "AbortError"));
    }
  }
}
