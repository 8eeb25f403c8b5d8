import { unixSeconds, type SessionRow } from "@sessiondb/core/adapter";
import type { Draft } from "../key-value/draft.ts";
import type { StoredSession } from "../key-value/layout.ts";
import { Tampered, type Fault, type Write } from "./traced-store.ts";

// Records that one kind of write gets wrong: counts, times, owners.

type About = {
  readonly write: Write;
  readonly before: StoredSession;
  readonly sessionId: string;
  readonly draft: Draft;
};

/** Changes sessions that were there before and still are. */
const sessions =
  (spoil: (after: StoredSession, about: About) => StoredSession): Fault["make"] =>
  (service) =>
    new Tampered(service, (draft, write) => {
      for (const [sessionId, change] of draft.sessions) {
        if (change.before !== null && change.after !== null && change.before !== change.after) {
          change.after = spoil(change.after, { write, before: change.before, sessionId, draft });
        }
      }
    });

const row =
  (spoil: (after: StoredSession, about: About) => Partial<SessionRow<string>>): Fault["make"] =>
  (service) =>
    sessions((after, about) => ({ ...after, row: { ...after.row, ...spoil(after, about) } }))(service);

const behind = (method: Write["method"], more: (about: About) => boolean = () => true): Fault["make"] =>
  row((_, about) => (about.write.method === method && more(about) ? { updatedAt: unixSeconds() } : {}));
const isTurns = ({ write, sessionId }: About): boolean =>
  write.method === "writeRun" && write.write.session.sessionId === sessionId;

export const recordFaults: readonly Fault[] = [
  {
    fault: "counts a replaced run twice",
    caughtBy: "indexes: every list is right after a turn that counts",
    message: 'runCount of session "a" is 5, not 4',
    make: sessions((after, { write, before, draft }) =>
      write.method === "writeRun" && draft.runs.get(write.write.run.runId)?.before !== null
        ? { ...after, runCount: before.runCount + 1 }
        : after,
    ),
  },
  {
    fault: "keeps counting deleted runs",
    caughtBy: "indexes: every list is right after a delete of runs",
    message: "runCount of session",
    make: sessions((after, { write, before }) =>
      write.method === "removeRuns" ? { ...after, runCount: before.runCount } : after,
    ),
  },
  {
    fault: "keeps counting a run that updateRun deleted",
    caughtBy: "indexes: every list is right after updateRun that deletes",
    message: 'runCount of session "a" is 4, not 3',
    make: sessions((after, { write, before }) =>
      write.method === "changeRun" ? { ...after, runCount: before.runCount } : after,
    ),
  },
  {
    fault: "keeps counting the runs that a turn deleted",
    caughtBy: "indexes: every list is right after a turn that deletes the runs after it",
    message: 'runCount of session "a" is 4, not 2',
    make: sessions((after, { write, before }) =>
      write.method === "writeRun" ? { ...after, runCount: Math.max(after.runCount, before.runCount) } : after,
    ),
  },
  {
    fault: "sets updatedAt back in a turn when the clock is behind",
    caughtBy: "races: a turn under a clock that is behind does not set updatedAt back",
    message: "after a turn, under a clock that is behind, updatedAt is",
    make: behind("writeRun", isTurns),
  },
  {
    fault: "sets updatedAt back beside a turn when the clock is behind",
    caughtBy: "races: a turn of another session under a clock that is behind does not set updatedAt back",
    message: "after a turn of another session, under a clock that is behind, updatedAt is",
    make: behind("writeRun", (about) => !isTurns(about)),
  },
  {
    fault: "sets updatedAt back in an update when the clock is behind",
    caughtBy: "races: updateSession under a clock that is behind does not set updatedAt back",
    message: "after updateSession, under a clock that is behind, updatedAt is",
    make: behind("changeSession"),
  },
  {
    fault: "sets updatedAt back in updateRun when the clock is behind",
    caughtBy: "races: updateRun under a clock that is behind does not set updatedAt back",
    message: "after updateRun, under a clock that is behind, updatedAt is",
    make: behind("changeRun"),
  },
  {
    fault: "sets updatedAt back in upsertSession when the clock is behind",
    caughtBy: "races: upsertSession under a clock that is behind does not set updatedAt back",
    message: "after upsertSession, under a clock that is behind, updatedAt is",
    make: behind(
      "writeSessions",
      ({ write }) => write.method === "writeSessions" && write.writes[0]?.keptTimes === null,
    ),
  },
  {
    fault: "does not touch a session by updateRun",
    caughtBy: "indexes: every list is right after updateRun with another status",
    message: 'getSession({ sessionId: "a" }) returned',
    make: row((_, { write, before }) => (write.method === "changeRun" ? { updatedAt: before.row.updatedAt } : {})),
  },
  {
    fault: "touches a session by deleteRuns",
    caughtBy: "indexes: every list is right after a delete of runs",
    message: 'getSession({ sessionId: "a" }) returned',
    make: row((_, { write }) => (write.method === "removeRuns" ? { updatedAt: unixSeconds() } : {})),
  },
  {
    fault: "does not touch a session when a run is replaced",
    caughtBy: "indexes: every list is right after a turn with another status",
    message: 'getSession({ sessionId: "a" }) returned',
    make: row((_, { write, before, draft }) =>
      write.method === "writeRun" && draft.runs.get(write.write.run.runId)?.before !== null
        ? { updatedAt: before.row.updatedAt }
        : {},
    ),
  },
  {
    fault: "does not adopt a session beside a turn",
    caughtBy: "indexes: every list is right after a turn that changes other sessions too",
    message: 'getSession({ sessionId: "b" }) returned',
    make: row((_, about) =>
      about.write.method === "writeRun" && !isTurns(about) ? { userId: about.before.row.userId } : {},
    ),
  },
  {
    fault: "does not adopt a session by updateRun",
    caughtBy: "indexes: every list is right after updateRun that adopts",
    message: 'getSession({ sessionId: "b" }) returned',
    make: row((_, { write, before }) => (write.method === "changeRun" ? { userId: before.row.userId } : {})),
  },
  {
    fault: "does not fill in missing component data of a session",
    caughtBy: "indexes: every list is right after a turn that adopts a session and fills in its component",
    message: "agentData: null",
    make: row((_, { write, before }) => (write.method === "writeRun" ? { agentData: before.row.agentData } : {})),
  },
  {
    fault: "ignores keepTimes if the session exists",
    caughtBy: "indexes: every list is right after a session written with keepTimes",
    message: 'getSession({ sessionId: "a" }) returned',
    make: row((_, { write, before }) => (write.method === "writeSessions" ? { createdAt: before.row.createdAt } : {})),
  },
  {
    fault: "ignores the updatedAt of keepTimes in a turn",
    caughtBy: "indexes: every list is right after a turn with keepTimes",
    message: 'getSession({ sessionId: "a" }) returned',
    make: row((_, { write }) =>
      write.method === "writeRun" && write.write.keptTimes !== null ? { updatedAt: unixSeconds() } : {},
    ),
  },
  {
    fault: "sets createdAt of an existing session without keepTimes",
    caughtBy: "indexes: every list is right after a session written again with another name and component",
    message: 'getSession({ sessionId: "a" }) returned',
    make: row((_, { write, sessionId }) => {
      const given =
        write.method === "writeSessions"
          ? write.writes.findLast((each) => each.session.sessionId === sessionId)
          : undefined;
      return given === undefined ? {} : { createdAt: given.session.createdAt };
    }),
  },
  {
    fault: "gives a replaced run a new createdAt",
    caughtBy: "indexes: every list is right after a turn with another status",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) =>
      new Tampered(service, (draft, write) => {
        for (const run of draft.runs.values()) {
          if (run.before !== null && run.after !== null && write.method === "writeRun") {
            run.after = { ...run.after, row: { ...run.after.row, createdAt: write.write.run.createdAt } };
          }
        }
      }),
  },
  {
    fault: "gives a run that updateRun changed a new createdAt",
    caughtBy: "indexes: every list is right after updateRun with another status",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) =>
      new Tampered(service, (draft, write) => {
        for (const run of draft.runs.values()) {
          if (run.after !== null && write.method === "changeRun") {
            run.after = { ...run.after, row: { ...run.after.row, createdAt: unixSeconds() } };
          }
        }
      }),
  },
  {
    fault: "ignores the createdAt of a run under keepTimes",
    caughtBy: "indexes: every list is right after a turn with keepTimes",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) =>
      new Tampered(service, (draft, write) => {
        const kept = write.method === "writeRun" ? write.write.keptTimes : null;
        for (const run of draft.runs.values()) {
          if (run.before !== null && run.after !== null && kept !== null) {
            run.after = { ...run.after, row: { ...run.after.row, createdAt: run.before.row.createdAt } };
          }
        }
      }),
  },
  {
    fault: "puts a run that updateRun changed last",
    caughtBy: "indexes: every list is right after updateRun with another status",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) =>
      new Tampered(service, (draft, write) => {
        for (const run of draft.runs.values()) {
          if (run.before !== null && run.after !== null && write.method === "changeRun") {
            run.after = { ...run.after, place: 1_000 };
          }
        }
      }),
  },
];
