import { flag, type OptionReaders, type OptionsRead } from "@sessiondb/core/adapter";

/** The parts of a run to store. */
export interface StorageOptions {
  /** Images, audio, videos and files of messages and input. A run that waits keeps them until it ends. Default true. */
  storeMedia?: boolean | undefined;
  /**
   * Tool results and the calls they answer. A run that waits keeps them until it ends. Default true. The list of calls in
   * `tools` is always stored.
   */
  storeToolMessages?: boolean | undefined;
  /** A copy of the earlier messages that the model was shown, marked `fromHistory`. Default false. */
  storeHistoryMessages?: boolean | undefined;
  /** Teams only: a copy of the members' runs inside the leader's, as Agno can store them. Default false. */
  storeMemberResponses?: boolean | undefined;
}

export const storageReaders = {
  storeMedia: flag(true),
  storeToolMessages: flag(true),
  storeHistoryMessages: flag(false),
  storeMemberResponses: flag(false),
} satisfies OptionReaders<StorageOptions>;

/** The parts of a run to store, with their defaults. */
export type StorageSettings = OptionsRead<typeof storageReaders>;
