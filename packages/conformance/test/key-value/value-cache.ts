import type { Entry } from "./key-value-service.ts";

const mostEntries = 200;

/**
 * The values that a handle read last. It saves what a value weighs, not the question: every read asks the service
 * whether the value is still of the version that is known, since other handles write too.
 */
export class ValueCache {
  readonly #entries = new Map<string, Entry>();

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  put(entry: Entry): void {
    // A Map keeps its order of insertion: the first entry is the one that was not used for longest.
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > mostEntries && oldest !== undefined) {
      this.#entries.delete(oldest);
    }
  }
}
