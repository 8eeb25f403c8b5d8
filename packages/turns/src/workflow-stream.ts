import type { JsonObject, JsonValue } from "@sessiondb/core";
import type { WorkflowEvent, WorkflowRunResult } from "./workflow-options.ts";

/**
 * The events of a running workflow. The run continues whether or not anyone reads them; leaving the loop cancels it.
 * The last event arrives and the loop ends when the run is stored; the loop throws the error that the run rejects with.
 */
export class WorkflowStream<State extends object = JsonObject, Content = JsonValue> implements AsyncIterable<
  WorkflowEvent<State, Content>
> {
  /** The outcome of the run; a cancelled run resolves too. Rejects with the error of a step or of the storage. */
  readonly result: Promise<WorkflowRunResult<State, Content>>;
  readonly #controller = new AbortController();
  readonly #events: WorkflowEvent<State, Content>[] = [];
  #ended = false;
  /** The readers that wait for an event, or for the end. */
  readonly #waiting = new Set<() => void>();

  private constructor(
    run: (
      emit: (event: WorkflowEvent<State, Content>) => void,
      left: AbortSignal,
    ) => Promise<WorkflowRunResult<State, Content>>,
  ) {
    const emit = (event: WorkflowEvent<State, Content>): void => {
      this.#events.push(event);
      this.#wake();
    };
    this.result = run(emit, this.#controller.signal).finally(() => {
      this.#ended = true;
      this.#wake();
    });
    // The loop reports the rejection too.
    this.result.catch(() => {});
  }

  #wake(): void {
    this.#waiting.forEach((wake) => wake());
    this.#waiting.clear();
  }

  /** Starts a run. It receives a function to report events, and a signal that aborts when their reader leaves. */
  static start<State extends object, Content>(
    run: (
      emit: (event: WorkflowEvent<State, Content>) => void,
      left: AbortSignal,
    ) => Promise<WorkflowRunResult<State, Content>>,
  ): WorkflowStream<State, Content> {
    return new WorkflowStream(run);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<WorkflowEvent<State, Content>> {
    let next = 0;
    try {
      while (!this.#ended || next < this.#events.length) {
        const event = this.#events[next];
        if (event === undefined) {
          await new Promise<void>((resolve) => {
            this.#waiting.add(resolve);
          });
        } else {
          next += 1;
          yield event;
        }
      }
      await this.result;
    } finally {
      this.#controller.abort(new DOMException("The reader of the workflow's events stopped reading.", "AbortError"));
    }
  }
}
