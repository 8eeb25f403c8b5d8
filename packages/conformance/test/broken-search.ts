import type { SearchHit, SearchPage, SearchSessionsOptions, SessionDb, UserScope } from "@sessiondb/core";
import { Store } from "./broken-store.ts";

type Options = SearchSessionsOptions & UserScope;

class SearchesEverybodys extends Store {
  override searchSessions({ userId: _, ...options }: Options): Promise<SearchPage> {
    return super.searchSessions(options);
  }
}

class IgnoresTheBound extends Store {
  override searchSessions({ maxRuns: _, ...options }: Options): Promise<SearchPage> {
    return super.searchSessions(options);
  }
}

class EndsAtTheBound extends Store {
  override async searchSessions(options: Options): Promise<SearchPage> {
    return { ...(await super.searchSessions(options)), nextCursor: null };
  }
}

/** As a condition on the stored JSON does. */
class SearchesTheJson extends Store {
  override async searchSessions(options: Options): Promise<SearchPage> {
    const found = await super.searchSessions(options);
    const { runs } = await this.getRuns();
    const hits = runs
      .filter((run) => JSON.stringify(run).toLowerCase().includes(options.text.toLowerCase()))
      .map(({ runId }): SearchHit => ({ ...hit, runId, excerpt: options.text }));
    return { ...found, hits };
  }
}

const hit: SearchHit = {
  sessionId: "s",
  sessionType: "agent",
  sessionName: null,
  componentId: null,
  runId: "r",
  userId: null,
  createdAt: null,
  role: "user",
  excerpt: "",
};

/** As `ILIKE` does without escaping. */
class SearchesByPattern extends Store {
  override searchSessions(options: Options): Promise<SearchPage> {
    return super.searchSessions({ ...options, text: options.text.replaceAll("%", "") || "%" });
  }
}

class ComparesCase extends Store {
  override async searchSessions(options: Options): Promise<SearchPage> {
    const found = await super.searchSessions(options);
    return { ...found, hits: found.hits.filter(({ excerpt }) => excerpt.includes(options.text)) };
  }
}

class ShowsWholeTexts extends Store {
  override async searchSessions(options: Options): Promise<SearchPage> {
    const found = await super.searchSessions(options);
    const whole = async (each: SearchHit): Promise<SearchHit> => {
      const content = (await this.getRun({ runId: each.runId }))?.content;
      return { ...each, excerpt: typeof content === "string" ? content : each.excerpt };
    };
    return { ...found, hits: await Promise.all(found.hits.map(whole)) };
  }
}

class OldestFirst extends Store {
  override async searchSessions(options: Options): Promise<SearchPage> {
    const found = await super.searchSessions(options);
    return { ...found, hits: found.hits.toReversed() };
  }
}

export const brokenSearches: readonly (readonly [fault: string, open: () => SessionDb, caughtBy: string])[] = [
  [
    "searches every user's sessions",
    () => new SearchesEverybodys(),
    "search: only the sessions that a user owns are searched",
  ],
  ["searches on after its bound", () => new IgnoresTheBound(), "search: a search says where its bound was"],
  [
    "ends a search at its bound",
    () => new EndsAtTheBound(),
    "search: pages of every size make up the whole, newest first",
  ],
  ["searches the results of tools", () => new SearchesTheJson(), "search: a text in a tool's result"],
  ["searches by a pattern", () => new SearchesByPattern(), "search: a search for a percent sign"],
  ["searches in one case", () => new ComparesCase(), "search: a search for letters beyond ASCII, in any case"],
  [
    "shows whole texts for excerpts",
    () => new ShowsWholeTexts(),
    "search: an excerpt shows the text, within its bound, and cuts no character",
  ],
  ["finds the oldest first", () => new OldestFirst(), "search: pages of every size make up the whole, newest first"],
];
