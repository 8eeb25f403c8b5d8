import type { Entry, KeyRange, KeyValueService } from "./key-value-service.ts";
import type { ValueCache } from "./value-cache.ts";

/** Reads of one call, all at the revision of the first: of one moment. */
export class Reader {
  readonly #service: KeyValueService;
  readonly #cache: ValueCache;
  #revision: number | null = null;

  constructor(service: KeyValueService, cache: ValueCache) {
    this.#service = service;
    this.#cache = cache;
  }

  async get(keys: readonly string[]): Promise<(Entry | null)[]> {
    if (keys.length === 0) {
      return [];
    }
    const known = keys.map((key) => this.#cache.get(key));
    const { revision, values } = await this.#service.read({
      keys: keys.map((key, index) => ({ key, known: known[index]?.version })),
      revision: this.#revision,
    });
    this.#revision = revision;
    return values.map((value, index) => {
      const entry = value === "unchanged" ? (known[index] ?? null) : value;
      if (entry !== null) {
        this.#cache.put(entry);
      }
      return entry;
    });
  }

  async scan(ranges: readonly KeyRange[]): Promise<(readonly Entry[])[]> {
    if (ranges.length === 0) {
      return [];
    }
    const answer = await this.#service.read({ ranges, revision: this.#revision });
    this.#revision = answer.revision;
    return [...answer.ranges];
  }
}
