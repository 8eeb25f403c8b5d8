import { InvalidArgumentError, type GetMemoriesOptions, type MemoryPage, type SessionDb } from "@sessiondb/core";
import { asGiven, identifier, optional, present, type OptionReaders, type OptionsRead } from "@sessiondb/core/adapter";
import { checkKeepsMemories } from "./memory-options.ts";

/** The user whose memories to list, the conditions that they meet, and their order, as in `MemoryDb.getMemories`. */
export type UserMemoriesOptions = {
  readonly [Name in keyof GetMemoriesOptions]?: GetMemoriesOptions[Name] | undefined;
} & {
  /** Default: the `userId` of the component. */
  readonly userId?: string;
};

/** The store checks what it is given. */
export const userMemoriesReaders = {
  userId: optional(identifier),
  agentId: asGiven<string | undefined>(),
  teamId: asGiven<string | undefined>(),
  topics: asGiven<readonly string[] | undefined>(),
  topicMatch: asGiven<GetMemoriesOptions["topicMatch"]>(),
  text: asGiven<string | undefined>(),
  sortBy: asGiven<GetMemoriesOptions["sortBy"]>(),
  sortOrder: asGiven<GetMemoriesOptions["sortOrder"]>(),
  limit: asGiven<number | undefined>(),
  cursor: asGiven<string | undefined>(),
  onUnreadable: asGiven<GetMemoriesOptions["onUnreadable"]>(),
  signal: asGiven<AbortSignal | undefined>(),
} satisfies OptionReaders<UserMemoriesOptions>;

/** Returns a page of one user's memories. */
export async function userMemories(
  db: SessionDb,
  { userId, ...list }: OptionsRead<typeof userMemoriesReaders>,
): Promise<MemoryPage> {
  if (userId === undefined) {
    throw new InvalidArgumentError("userId", "given, here or as an option of the component");
  }
  return checkKeepsMemories(db, "db").getMemories({ ...present(list), userId });
}
