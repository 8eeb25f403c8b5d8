import type { LanguageModel } from "ai";

/** What each example gets: a model, and where its sessions are kept. */
interface Setting {
  readonly model: LanguageModel;
  /** A connection string, such as `sqlite:agents.db`. */
  readonly db: string;
  /** For lines to the reader. */
  readonly say: (line: string) => void;
}

export type Example = (setting: Setting) => Promise<void>;
