import { setImmediate as otherCalls } from "node:timers/promises";

// What the store is written for: a service of the kind of etcd, FoundationDB or Deno KV, here in memory. It keeps values in
// the order of their keys' bytes, gives every commit a revision, reads at any revision, and has no locks.

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** The revision of the commit that wrote the value. */
  readonly version: number;
}

/** The keys that start with `prefix`. */
export interface KeyRange {
  readonly prefix: string;
  /** Only keys above this one. */
  readonly above?: string;
  /** Only keys below this one. */
  readonly below?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface ReadRequest {
  /** Each with the version that the caller has already, if it has one. */
  readonly keys?: readonly { readonly key: string; readonly known?: number | undefined }[];
  readonly ranges?: readonly KeyRange[];
  /** Default: the newest. */
  readonly revision?: number | null;
}

export interface ReadAnswer {
  readonly revision: number;
  /** `"unchanged"` for a value of the version that is known. */
  readonly values: readonly (Entry | "unchanged" | null)[];
  readonly ranges: readonly (readonly Entry[])[];
}

export interface CommitRequest {
  /** The version that each key must still have; 0 for a key that must not be there. */
  readonly expected: ReadonlyMap<string, number>;
  readonly puts: ReadonlyMap<string, string>;
  readonly deletes: ReadonlySet<string>;
}

/** The service cannot be reached. A request that was sent may have been carried out. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly sent: boolean;

  constructor(sent: boolean) {
    super(sent ? "connection lost" : "connection refused");
    this.sent = sent;
  }
}

/** When the connection breaks: before the next request is sent, before its answer comes, or before that of a commit. */
export type Moment = "before request" | "before answer" | "before answer to commit";

/** More keys than this are sorted in at once. */
const mostInserts = 50;

interface Version {
  readonly revision: number;
  readonly value: string | null;
}

export interface KeyValueService {
  read(request: ReadRequest): Promise<ReadAnswer>;

  /** Resolves with the revision, or null when a key has another version than expected. */
  commit(request: CommitRequest): Promise<number | null>;
}

export class InMemoryKeyValueService implements KeyValueService {
  /** Keys as their bytes, one character each: so `<` orders them by bytes. */
  readonly #order: string[] = [];
  readonly #versions = new Map<string, Version[]>();
  #revision = 0;
  #cutAt: Moment | null = null;
  #reachable = true;
  /** Requests so far, and characters of the entries that were returned and that were sent. */
  readonly counts = { roundTrips: 0, read: 0, written: 0 };

  /** Loses the connection once. */
  cut(at: Moment): void {
    this.#cutAt = at;
  }

  /** Takes the service away, or brings it back. */
  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
  }

  /** The newest value of a key, changed behind the back of every store. */
  overwrite(prefix: string, change: (value: string) => string | null): boolean {
    const [entry] = this.#range({ prefix }, this.#revision);
    const value = entry === undefined ? null : change(entry.value);
    if (entry !== undefined && value !== null) {
      this.#apply(new Map([[entry.key, value]]), new Set());
    }
    return value !== null;
  }

  async read({ keys = [], ranges = [], revision }: ReadRequest): Promise<ReadAnswer> {
    await this.#arrive("read");
    const at = revision ?? this.#revision;
    const values = keys.map(({ key, known }) => {
      const entry = this.#entry(key, at);
      return entry !== null && entry.version === known ? "unchanged" : entry;
    });
    const answer = { revision: at, values, ranges: ranges.map((range) => this.#range(range, at)) };
    for (const entry of [...answer.values, ...answer.ranges.flat()]) {
      this.counts.read += entry === null || entry === "unchanged" ? 0 : entry.key.length + entry.value.length;
    }
    return answer;
  }

  async commit({ expected, puts, deletes }: CommitRequest): Promise<number | null> {
    await this.#arrive("commit");
    for (const [key, value] of [...puts, ...[...deletes].map((deleted) => [deleted, ""] as const)]) {
      this.counts.written += key.length + value.length;
    }
    const holds = [...expected].every(([key, version]) => (this.#entry(key, this.#revision)?.version ?? 0) === version);
    const revision = holds ? this.#apply(puts, deletes) : null;
    await otherCalls();
    this.#loseIf("before answer");
    this.#loseIf("before answer to commit");
    return revision;
  }

  #apply(puts: ReadonlyMap<string, string>, deletes: ReadonlySet<string>): number {
    this.#revision += 1;
    for (const key of deletes) {
      this.#write(key, null);
    }
    const added = [...puts].filter(([key, value]) => this.#write(key, value)).map(([key]) => bytesOf(key));
    if (added.length > mostInserts) {
      this.#order.push(...added);
      this.#order.sort((a, b) => (a < b ? -1 : 1));
    } else {
      for (const bytes of added) {
        this.#order.splice(this.#place(bytes), 0, bytes);
      }
    }
    return this.#revision;
  }

  /** Other requests get their turn while this one is on its way. */
  async #arrive(kind: "read" | "commit"): Promise<void> {
    this.counts.roundTrips += 1;
    await otherCalls();
    if (!this.#reachable || this.#cutAt === "before request") {
      this.#cutAt = null;
      throw new ServiceError(false);
    }
    if (kind === "read") {
      this.#loseIf("before answer");
    }
  }

  #loseIf(moment: Moment): void {
    if (this.#cutAt === moment) {
      this.#cutAt = null;
      throw new ServiceError(true);
    }
  }

  #entry(key: string, revision: number): Entry | null {
    const found = this.#versions.get(key)?.findLast((version) => version.revision <= revision);
    return found === undefined || found.value === null ? null : { key, value: found.value, version: found.revision };
  }

  #range({ prefix, above, below, reverse = false, limit = Infinity }: KeyRange, revision: number): Entry[] {
    const start = bytesOf(prefix);
    const from = this.#place(above === undefined ? start : `${bytesOf(above)}\0`);
    const to = this.#place(below === undefined ? `${start}\u{100}` : bytesOf(below));
    const found: Entry[] = [];
    for (let step = 0; from + step < to && found.length < limit; step += 1) {
      const key = this.#order[reverse ? to - 1 - step : from + step];
      const entry = key === undefined ? null : this.#entry(textOf(key), revision);
      if (entry !== null) {
        found.push(entry);
      }
    }
    return found;
  }

  /** Writes one version of a key; true for a key that has no place yet. */
  #write(key: string, value: string | null): boolean {
    const versions = this.#versions.get(key);
    if (versions !== undefined) {
      versions.push({ revision: this.#revision, value });
    } else if (value !== null) {
      this.#versions.set(key, [{ revision: this.#revision, value }]);
    }
    return versions === undefined && value !== null;
  }

  /** How many keys are below one. */
  #place(bytes: string): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle] ?? "") < bytes) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function textOf(bytes: string): string {
  return Buffer.from(bytes, "latin1").toString();
}
