import type { SessionDb } from "@sessiondb/core";
import { brokenMemories } from "./broken-memories.ts";
import { brokenSearches } from "./broken-search.ts";
import * as reads from "./broken-reads.ts";
import * as writes from "./broken-writes.ts";

const withoutUnknownKeys = (json: string): string => json.replace(/"future_key":\{.*?\]\}/g, '"future_key":null');

const cutOff = (json: string): string => {
  const run = JSON.parse(json) as { content?: unknown };
  const content = typeof run.content === "string" ? run.content.slice(0, 65_535) : run.content;
  return JSON.stringify({ ...run, content });
};

/** What each store does wrong, and the name of the case that is there to catch it. */
export const brokenStores: readonly (readonly [fault: string, open: () => SessionDb, caughtBy: string])[] = [
  ["loses one run in nine", () => new writes.LosesARun(), "run order: more than ten runs"],
  ["shows a session to another user", () => new reads.LeaksASession(), "ownership: getSession for another user"],
  ["lists every user's sessions", () => new reads.LeaksAList(), "lists: the filter userId"],
  ["shows a run to another user", () => new reads.LeaksARun(), "ownership: getRun for another user"],
  [
    "treats an undefined user as everyone",
    () => new reads.TakesUndefinedForEveryone(),
    "ownership: getSession for an undefined user id",
  ],
  [
    "offers the store on a user's handle",
    () => new reads.LetsTheHandleGo(),
    "user handles: a handle offers no way to the store",
  ],
  ["does not escape %", () => new reads.SearchesByPattern("%"), "name search: a percent sign is not a wildcard"],
  ["does not escape _", () => new reads.SearchesByPattern("_"), "name search: an underscore is not a wildcard"],
  [
    "ignores case only in ASCII letters",
    () => new reads.FoldsAsciiAlone(),
    "name search: upper and lower case beyond ASCII",
  ],
  [
    "folds a letter depending on its neighbours",
    () => new reads.FoldsByTheWord(),
    "name search: a letter is found whatever its neighbours",
  ],
  [
    "skips sessions with the same time at the end of a page",
    () => new reads.PagesByTimeAlone(),
    "paging: pages by createdAt desc make up the whole list",
  ],
  [
    "pages by offset",
    () => new reads.PagesByOffset(),
    "paging: inserts between pages by createdAt desc repeat and skip nothing",
  ],
  ["counts the page for the total", () => new reads.CountsThePage(), "lists: a total only on request, of all pages"],
  [
    "reads, changes and writes without a lock",
    () => new writes.LosesUpdates(),
    "concurrency: counters add up in updateSession",
  ],
  [
    "moves a run to another session",
    () => new writes.MovesRuns(),
    "upsertRun: a run of another session is never moved",
  ],
  [
    "drops stored runs that a written session lacks",
    () => new writes.ReplacesTheRuns(),
    "upsertSession: a stale session drops no run",
  ],
  [
    "writes many sessions one by one",
    () => new writes.WritesOneByOne(),
    "upsertSession: many sessions are written all or nothing",
  ],
  [
    "replaces a run whatever its status",
    () => new writes.OverwritesWhatEnded(),
    "upsertRun: with onlyIfStatus nothing is written otherwise",
  ],
  [
    "checks a run's status without a lock",
    () => new writes.ChecksTheStatusTooEarly(),
    "upsertRun: callers that close a run never overwrite its end",
  ],
  [
    "puts a replaced run last",
    () => new writes.AppendsReplacedRuns(),
    "upsertRun: a run with a known id is replaced in its place",
  ],
  [
    "leaves the runs of a deleted session",
    () => new writes.LeavesRunsBehind(),
    "deletes: deleting a session deletes its runs",
  ],
  [
    "skips other users' sessions when deleting",
    () => new writes.SkipsForeignSessions(),
    "deletes: a list with another user's session is refused as a whole",
  ],
  [
    "skips other users' runs when deleting",
    () => new writes.SkipsForeignRuns(),
    "deletes: a list with another user's run is refused as a whole",
  ],
  [
    "stores a run even though its change failed",
    () => new writes.WritesBeforeTheChange(),
    "upsertRun: a change that throws stores no run",
  ],
  [
    "counts member runs and failed ones for runsLimit",
    () => new reads.CountsMemberRuns(),
    "run order: runsLimit skips what history leaves out",
  ],
  [
    "orders runs by their time",
    () => new reads.OrdersRunsByTime(),
    "run order: runs come back in the order they were written, whatever their time and id",
  ],
  [
    "reads a session under any type",
    () => new reads.ReadsAnyType(),
    "type mismatch: getSession under another type finds nothing",
  ],
  [
    "allows a session to be written with another type",
    () => new writes.RelabelsSessions(),
    "type mismatch: upsertRun under another type is refused",
  ],
  ["compares ids without case", () => new writes.FoldsIds((id) => id.toLowerCase()), "ids: ids that differ in case"],
  [
    "compares ids without trailing spaces",
    () => new writes.FoldsIds((id) => id.replace(/ +$/, "")),
    "ids: ids that differ in a trailing space",
  ],
  ["normalises ids", () => new writes.FoldsIds((id) => id.normalize()), "ids: ids that differ in their normal form"],
  [
    "drops what it cannot hold instead of replacing it",
    () => new writes.SpoilsRuns((json) => json.replaceAll("\ufffd", "")),
    "text: NUL in every content",
  ],
  [
    "cannot hold characters of 4 bytes",
    () => new writes.SpoilsRuns((json) => json.replace(/[\u{10000}-\u{10ffff}]/gu, "?")),
    "text: 4-byte characters in every content",
  ],
  [
    "drops unknown keys of runs",
    () => new writes.SpoilsRuns(withoutUnknownKeys),
    "round trips: every field of an agent run",
  ],
  ["cuts text off at 64 KB", () => new writes.SpoilsRuns(cutOff), "payloads: a run of 10 MB"],
  [
    "stores times of 32 bits",
    () => new writes.SpoilsSessions(({ createdAt }) => ({ createdAt: createdAt | 0 })),
    "timestamps: a time beyond 32 bits is stored",
  ],
  [
    "forgets the summary",
    () => new writes.SpoilsSessions(() => ({ summary: null })),
    "round trips: every field of a team session",
  ],
  [
    "puts stored content into errors",
    () => new writes.QuotesContent(),
    "upsertRun: a run of another session is never moved",
  ],
  [
    "throws the driver's errors",
    () => new writes.ThrowsTheDriversErrors(),
    "upsertRun: a run of another session is never moved",
  ],
  ["closes without waiting", () => new writes.ClosesAtOnce(), "close: closing waits for calls under way"],
  ["answers when closed", () => new reads.WorksWhenClosed(), "close: getRuns of a closed store is refused"],
  ...brokenMemories,
  ...brokenSearches,
];
