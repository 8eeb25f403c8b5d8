import type { Steps } from "./steps.ts";

/**
 * The ids of what one delete has deleted, in all its attempts. An attempt may be committed although the answer was
 * lost, and the next one finds none of it.
 */
export class DeletedIds {
  readonly #unacknowledged = new Set<string>();
  #attempt: ReadonlySet<string> = new Set();

  /** Runs an attempt, which returns the ids that it deletes. Returns those of all attempts. */
  *attempt(steps: Steps<ReadonlySet<string>>): Steps<ReadonlySet<string>> {
    this.#attempt = new Set();
    this.#attempt = yield* steps;
    return new Set([...this.#unacknowledged, ...this.#attempt]);
  }

  /** Keeps the ids of the last attempt, which may have been committed. */
  keep(): void {
    for (const id of this.#attempt) {
      this.#unacknowledged.add(id);
    }
  }
}
