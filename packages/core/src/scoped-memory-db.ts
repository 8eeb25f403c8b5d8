import { checkObject } from "./arguments.ts";
import { InvalidArgumentError } from "./errors.ts";
import type { MemoryDb, UserMemoryDb } from "./memory-db.ts";
import type {
  ChangeMemoriesOptions,
  GetMemoriesOptions,
  MemoryChange,
  MemoryChanges,
  MemoryPage,
  MemoryTopic,
  MemoryTopicsOptions,
} from "./memory-options.ts";
import type { NewUserMemory, UserMemory, UserMemoryInit } from "./models/user-memory.ts";
import type { CallOptions } from "./options.ts";
import { pagesOf } from "./pages.ts";

type OwnMemory = NewUserMemory & { memoryId?: string };

/** The memories of one user. Its store is private, so code with the handle cannot reach other users. */
export class ScopedMemoryDb implements UserMemoryDb {
  readonly userId: string;
  readonly #db: MemoryDb;

  constructor(db: MemoryDb, userId: string) {
    this.#db = db;
    this.userId = userId;
    // Otherwise untyped callers could assign another user to the handle.
    Object.freeze(this);
  }

  async getMemory(options: CallOptions & { memoryId: string }): Promise<UserMemory | null> {
    return this.#db.getMemory(this.#scoped(options, "options"));
  }

  async getMemories(options: GetMemoriesOptions = {}): Promise<MemoryPage> {
    return this.#db.getMemories(this.#scoped(options, "options"));
  }

  memoryPages(options: GetMemoriesOptions = {}): AsyncIterableIterator<MemoryPage> {
    return pagesOf(options, (page) => this.getMemories(page));
  }

  async upsertMemory(memory: OwnMemory, options: CallOptions = {}): Promise<UserMemory> {
    return this.#db.upsertMemory(this.#scoped(memory, "memory"), options);
  }

  async upsertMemories(memories: readonly OwnMemory[], options: CallOptions = {}): Promise<UserMemory[]> {
    if (!Array.isArray(memories)) {
      throw new InvalidArgumentError("memories", "an array of memories");
    }
    const owned = memories.map((memory: OwnMemory, index): UserMemoryInit =>
      this.#scoped(memory, `memories[${index}]`),
    );
    return this.#db.upsertMemories(owned, options);
  }

  async changeMemories(options: ChangeMemoriesOptions): Promise<MemoryChanges> {
    return this.#db.changeMemories(this.#scoped(options, "options"));
  }

  async updateMemory(options: CallOptions & { memoryId: string }, change: MemoryChange): Promise<UserMemory | null> {
    return this.#db.updateMemory(this.#scoped(options, "options"), change);
  }

  async deleteMemory(options: CallOptions & { memoryId: string }): Promise<boolean> {
    return this.#db.deleteMemory(this.#scoped(options, "options"));
  }

  async deleteMemories(options: CallOptions & { memoryIds: readonly string[] }): Promise<number> {
    return this.#db.deleteMemories(this.#scoped(options, "options"));
  }

  async clearMemories(options: CallOptions = {}): Promise<number> {
    return this.#db.clearMemories(this.#scoped(options, "options"));
  }

  async getMemoryTopics(options: MemoryTopicsOptions = {}): Promise<MemoryTopic[]> {
    return this.#db.getMemoryTopics(this.#scoped(options, "options"));
  }

  #scoped<Options extends object>(options: Options, argument: string): Options & { userId: string } {
    checkObject(options, argument);
    const userId: unknown = options["userId"];
    if (userId !== undefined && userId !== null && userId !== this.userId) {
      const path = argument === "options" ? "userId" : `${argument}.userId`;
      throw new InvalidArgumentError(path, "left out, or the handle's own user");
    }
    return { ...options, userId: this.userId };
  }
}
