import type { MemoryDb, SessionDb, UserMemory } from "@sessiondb/core";
import {
  Facts,
  InMemoryMemoryDb,
  type MemoryChangeFunction,
  type MemoryHost,
  type MemoryListQuery,
  type MemoryQuery,
  type MemorySelection,
  type MemoryStatsQuery,
  type MemoryTopicsQuery,
  type MemoryWrite,
} from "@sessiondb/core/adapter";
import { Store } from "./broken-store.ts";

/** A store that works but for its memories. */
class MemoryStore extends Store {
  readonly #own: MemoryDb;

  constructor(make: new (host: MemoryHost) => MemoryDb, isGuarded: boolean) {
    super();
    this.#own = new make({
      limits: this.limits,
      perform: (method, options, operation) =>
        isGuarded ? this.perform(method, options, operation) : operation(undefined),
    });
  }

  override get memories(): MemoryDb {
    return this.#own;
  }
}

function keeping(make: new (host: MemoryHost) => MemoryDb, { isGuarded = true } = {}): () => SessionDb {
  return () => new MemoryStore(make, isGuarded);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class LeaksAMemory extends InMemoryMemoryDb {
  protected override readMemory(query: MemoryQuery) {
    return super.readMemory({ ...query, userId: null });
  }
}

class LeaksAList extends InMemoryMemoryDb {
  protected override listMemories(query: MemoryListQuery) {
    return super.listMemories({ ...query, userId: null });
  }
}

class LeaksTopics extends InMemoryMemoryDb {
  protected override listTopics(query: MemoryTopicsQuery) {
    return super.listTopics({ ...query, userId: null });
  }
}

class DeletesAnybodys extends InMemoryMemoryDb {
  protected override removeMemories(selection: MemorySelection) {
    return super.removeMemories({ ...selection, userId: null });
  }
}

class ChangesAnybodys extends InMemoryMemoryDb {
  protected override changeMemory(query: MemoryQuery, change: MemoryChangeFunction) {
    return super.changeMemory({ ...query, userId: null }, change);
  }
}

/** As Agno's upsert does: replaces whatever has the id. */
class OverwritesAnybodys extends InMemoryMemoryDb {
  protected override async writeMemories(writes: readonly MemoryWrite[]) {
    for (const { puts } of writes) {
      for (const { memoryId, fields } of puts) {
        await super.changeMemory({ memoryId, userId: null }, () => fields);
      }
    }
    return super.writeMemories(writes);
  }
}

class ClearsEverybodys extends InMemoryMemoryDb {
  protected override async removeUser(): Promise<number> {
    const { items } = await super.listMemories(everything);
    return super.removeMemories({ memoryIds: items.map(({ memoryId }) => memoryId), userId: null });
  }
}

const everything: MemoryListQuery = {
  userId: null,
  agentId: null,
  teamId: null,
  topics: null,
  text: null,
  sortBy: "createdAt",
  sortOrder: "asc",
  limit: 1e6,
  start: null,
  onUnreadable: "throw",
};

class RepeatsFacts extends InMemoryMemoryDb {
  protected override factsOf(): Facts {
    return new Facts([], "memories");
  }
}

class ReplacesTheWhole extends InMemoryMemoryDb {
  protected override changeMemory(query: MemoryQuery, change: MemoryChangeFunction) {
    const cleared = { topics: "null", input: null, feedback: null, agentId: null, teamId: null };
    return super.changeMemory(query, (stored) => ({ ...cleared, ...change(stored) }));
  }
}

class LosesChanges extends InMemoryMemoryDb {
  protected override async changeMemory(query: MemoryQuery, change: MemoryChangeFunction): Promise<UserMemory | null> {
    let fields: ReturnType<MemoryChangeFunction> = {};
    await super.changeMemory(query, (stored) => {
      fields = change(stored);
      return {};
    });
    await turn();
    return super.changeMemory(query, () => fields);
  }
}

/** Looks for the fact before the lock. */
class LooksTooEarly extends InMemoryMemoryDb {
  #facts: Facts | null = null;

  protected override factsOf(userId: string | null): Facts {
    return this.#facts ?? super.factsOf(userId);
  }

  protected override async writeMemories(writes: readonly MemoryWrite[]) {
    const facts = super.factsOf(writes[0]?.userId ?? null);
    await turn();
    this.#facts = facts;
    try {
      return await super.writeMemories(writes);
    } finally {
      this.#facts = null;
    }
  }
}

class WritesUserByUser extends InMemoryMemoryDb {
  protected override async writeMemories(writes: readonly MemoryWrite[]) {
    const written = [];
    for (const write of writes) {
      written.push(...(await super.writeMemories([write])));
    }
    return written;
  }
}

class RejectsWhatItWrote extends InMemoryMemoryDb {
  protected override async writeMemories(
    writes: readonly MemoryWrite[],
    options: { readonly signal?: AbortSignal | undefined } = {},
  ) {
    const written = await super.writeMemories(writes);
    await turn();
    options.signal?.throwIfAborted();
    return written;
  }
}

/** As Agno consolidates: deletes, then inserts. */
class DeletesFirst extends InMemoryMemoryDb {
  protected override async writeMemories(writes: readonly MemoryWrite[]) {
    for (const { remove, userId } of writes) {
      await super.removeMemories({ memoryIds: remove, userId });
    }
    return super.writeMemories(writes);
  }
}

class SearchesByPattern extends InMemoryMemoryDb {
  protected override async listMemories(query: MemoryListQuery) {
    const found = await super.listMemories({ ...query, text: null });
    const pattern = new RegExp((query.text ?? "").replaceAll(/[\\"]/g, "\\$&").replaceAll("%", ".*"), "i");
    return { ...found, items: found.items.filter(({ memory }) => pattern.test(memory)) };
  }
}

class MatchesTopicsAsText extends InMemoryMemoryDb {
  protected override async listMemories(query: MemoryListQuery) {
    const { topics } = query;
    if (topics === null) {
      return super.listMemories(query);
    }
    const found = await super.listMemories({ ...query, topics: null });
    const has = (memory: UserMemory): boolean => {
      const text = JSON.stringify(memory.topics).toLowerCase();
      return topics.names.every((name) => text.includes(name.toLowerCase()));
    };
    return { ...found, items: found.items.filter(has) };
  }
}

class PagesByTimeAlone extends InMemoryMemoryDb {
  protected override listMemories(query: MemoryListQuery) {
    const { start } = query;
    const last = query.sortOrder === "asc" ? "\u{10ffff}" : "\u0001";
    return super.listMemories({
      ...query,
      start: start && { ...start, position: { ...start.position, memoryId: last } },
    });
  }
}

class KeepsTheTime extends InMemoryMemoryDb {
  protected override listMemories(query: MemoryListQuery) {
    return super.listMemories({ ...query, sortBy: "createdAt" });
  }

  protected override async changeMemory(query: MemoryQuery, change: MemoryChangeFunction) {
    const changed = await super.changeMemory(query, change);
    return changed && { ...changed, updatedAt: changed.createdAt };
  }
}

class CountsNobodyTwice extends InMemoryMemoryDb {
  protected override listUsers(query: MemoryStatsQuery) {
    return super.listUsers({ ...query, after: null });
  }
}

const condition = "memory lists: every condition selects what it says, in every order";

/** Each fault, the store that has it, and the case that catches it. */
export const brokenMemories: [fault: string, open: () => SessionDb, caughtBy: string][] = [
  [
    "returns another user's memory",
    keeping(LeaksAMemory),
    "memories: getMemory of a user reaches no other user's memory",
  ],
  [
    "lists other users' memories",
    keeping(LeaksAList),
    "memories: getMemories of a user reaches no other user's memory",
  ],
  ["counts other users' topics", keeping(LeaksTopics), "memory lists: topics are counted, the most frequent first"],
  [
    "deletes another user's memory",
    keeping(DeletesAnybodys),
    "memories: deleteMemory of a user reaches no other user's memory",
  ],
  [
    "changes another user's memory",
    keeping(ChangesAnybodys),
    "memories: updateMemory of a user reaches no other user's memory",
  ],
  [
    "overwrites whatever memory has the id",
    keeping(OverwritesAnybodys),
    "memories: upsertMemory of a user reaches no other user's memory",
  ],
  ["clears the memories of everybody", keeping(ClearsEverybodys), "memories: clearing is one user's"],
  ["stores a fact again", keeping(RepeatsFacts), "memories: the same fact is stored once for each user"],
  [
    "clears the fields that a change leaves out",
    keeping(ReplacesTheWhole),
    "memories: updateMemory changes the given field, and keeps the others",
  ],
  [
    "reads, changes and writes a memory without a lock",
    keeping(LosesChanges),
    "memory races: changes of one memory by writers at once add up",
  ],
  [
    "looks for a fact without a lock",
    keeping(LooksTooEarly),
    "memory races: the same fact of writers at once is stored once",
  ],
  [
    "writes the memories of one user after those of another",
    keeping(WritesUserByUser),
    "memories: many memories of several users are written all or nothing",
  ],
  [
    "deletes memories before it looks at what replaces them",
    keeping(DeletesFirst),
    "memories: changeMemories refuses an id that was invented",
  ],
  ["takes % of a searched text for a pattern", keeping(SearchesByPattern), condition],
  ["matches topics as text", keeping(MatchesTopicsAsText), condition],
  [
    "skips memories with the same time at the end of a page",
    keeping(PagesByTimeAlone),
    "memory lists: pages make up the whole list, forwards and backwards",
  ],
  ["does not touch what it changes", keeping(KeepsTheTime), "memory lists: a change moves a memory to the front"],
  [
    "rejects a call that was aborted when it had written",
    keeping(RejectsWhatItWrote),
    "memory signals: upsertMemory that is aborted at any moment is stored whole or not at all",
  ],
  ["counts the first users again", keeping(CountsNobodyTwice), "memory lists: users are counted, page by page"],
  [
    "reads memories when it is closed",
    keeping(InMemoryMemoryDb, { isGuarded: false }),
    "memories: getMemory of a closed store is refused",
  ],
];
