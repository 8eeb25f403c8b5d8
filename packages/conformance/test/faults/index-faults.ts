import type { Change, Draft, EntryChange } from "../key-value/draft.ts";
import type { KeyValueService } from "../key-value/key-value-service.ts";
import type { KeyValueSessionDb } from "../key-value/key-value-session-db.ts";
import { lastPart, type StoredRun, type StoredSession } from "../key-value/layout.ts";
import { TracedStore, type Fault, type Write } from "./traced-store.ts";

// Indexes that one kind of write forgets.

interface Forgotten {
  /** The first two parts of the keys, such as `sessions owner`. */
  readonly index: string;
  /** Only entries that are put, or that are deleted. Default: both. */
  readonly kind?: "put" | "delete";
  readonly when?: When;
}

type When = (about: {
  readonly write: Write;
  readonly session: Change<StoredSession> | undefined;
  readonly run: Change<StoredRun> | undefined;
  readonly id: string;
}) => boolean;

class Forgetful extends TracedStore {
  readonly #forgotten: Forgotten;

  constructor(service: KeyValueService, forgotten: Forgotten) {
    super(service);
    this.#forgotten = forgotten;
  }

  protected override changesOf(draft: Draft): ReturnType<KeyValueSessionDb["changesOf"]> {
    return super.changesOf(draft).filter((change) => !this.#forgets(change, draft));
  }

  #forgets({ key, after }: EntryChange, draft: Draft): boolean {
    const { index, kind, when = () => true } = this.#forgotten;
    const id = lastPart(key);
    return (
      key.startsWith(`${index.replace(" ", "\0")}\0`) &&
      (kind === undefined || (kind === "put") === (after !== null)) &&
      when({ write: this.current, session: draft.sessions.get(id), run: draft.runs.get(id), id })
    );
  }
}

const forgets =
  (forgotten: Forgotten): Fault["make"] =>
  (service) =>
    new Forgetful(service, forgotten);

const by =
  (method: Write["method"]): When =>
  ({ write }) =>
    write.method === method;
const deleted: When = ({ session, run }) => session?.after === null || run?.after === null;
const existing: When = ({ session }) => session?.before !== null && session?.after !== null;
const keptTimes: When = ({ write }) =>
  (write.method === "writeSessions" && write.writes.some((each) => each.keptTimes !== null)) ||
  (write.method === "writeRun" && write.write.keptTimes !== null);
const deletesRunsAfter: When = ({ write }) => write.method === "writeRun" && write.write.deleteAfter !== null;
const alsoChanged: When = ({ write, id }) => write.method === "writeRun" && write.write.session.sessionId !== id;

export const indexFaults: readonly Fault[] = [
  {
    fault: "does not enter an adopted session in the index of owners",
    caughtBy: "indexes: every list is right after a session adopted by upsertSession",
    message: 'getSessions({"userId":"bob"',
    make: forgets({
      index: "sessions owner",
      kind: "put",
      when: ({ session }) => session?.before?.row.userId === null && session.after?.row.userId !== null,
    }),
  },
  {
    fault: "does not enter a session that updateRun adopts in the index of owners",
    caughtBy: "indexes: every list is right after updateRun that adopts",
    message: 'after updateRun that adopts: getSessions({"userId":"carol"',
    make: forgets({ index: "sessions owner", kind: "put", when: by("changeRun") }),
  },
  {
    fault: "does not enter a session that also adopts in the index of owners",
    caughtBy: "indexes: every list is right after a turn that changes other sessions too",
    message: 'getSessions({"userId":"alice"',
    make: forgets({ index: "sessions owner", kind: "put", when: alsoChanged }),
  },
  {
    fault: "leaves a deleted session in the index of owners",
    caughtBy: "indexes: every list is right after a session deleted and written again",
    message: 'getSessions({"userId":"alice"',
    make: forgets({ index: "sessions owner", kind: "delete", when: deleted }),
  },
  {
    fault: "does not move a touched session in the order of updatedAt",
    caughtBy: "indexes: every list is right after a further turn",
    message: 'getSessions({"sortBy":"updatedAt"',
    make: forgets({ index: "sessions updatedAt", when: (about) => existing(about) && by("writeRun")(about) }),
  },
  {
    fault: "leaves a touched session at its old place in the order of updatedAt too",
    caughtBy: "indexes: every list is right after an update",
    message: 'getSessions({"sortBy":"updatedAt"',
    make: forgets({ index: "sessions updatedAt", kind: "delete", when: existing }),
  },
  {
    fault: "does not move a session in the order of updatedAt by updateRun",
    caughtBy: "indexes: every list is right after updateRun with another status",
    message: 'getSessions({"sortBy":"updatedAt"',
    make: forgets({ index: "sessions updatedAt", when: by("changeRun") }),
  },
  {
    fault: "does not move a session changed beside a turn in the order of updatedAt",
    caughtBy: "indexes: every list is right after a turn that changes other sessions too",
    message: 'getSessions({"sortBy":"updatedAt"',
    make: forgets({ index: "sessions updatedAt", when: (about) => existing(about) && alsoChanged(about) }),
  },
  {
    fault: "does not move a session in the order of updatedAt when it is renamed",
    caughtBy: "indexes: every list is right after a rename",
    message: 'after a rename: getSessions({"sortBy":"updatedAt"',
    make: forgets({ index: "sessions updatedAt", when: by("changeSession") }),
  },
  {
    fault: "finds a renamed session by its old name",
    caughtBy: "indexes: every list is right after a rename",
    message: 'after a rename: getSessions({"sessionName":"trip"',
    make: forgets({ index: "sessions name", when: by("changeSession") }),
  },
  {
    fault: "finds a session renamed by a turn by its old name",
    caughtBy: "indexes: every list is right after a turn that renames its session",
    message: 'getSessions({"sessionName":"trip"',
    make: forgets({ index: "sessions name", when: (about) => existing(about) && by("writeRun")(about) }),
  },
  {
    fault: "finds a session renamed beside a turn by its old name",
    caughtBy: "indexes: every list is right after a turn that changes other sessions too",
    message: 'getSessions({"sessionName":"trip"',
    make: forgets({ index: "sessions name", when: (about) => existing(about) && alsoChanged(about) }),
  },
  {
    fault: "finds a rewritten session by its old name",
    caughtBy: "indexes: every list is right after a session written again without its name",
    message: 'getSessions({"sessionName":"trip"',
    make: forgets({ index: "sessions name", when: (about) => existing(about) && by("writeSessions")(about) }),
  },
  {
    fault: "keeps a deleted session in the order of createdAt",
    caughtBy: "indexes: every list is right after a delete of a session",
    message: "after a delete of a session",
    make: forgets({ index: "sessions createdAt", kind: "delete", when: deleted }),
  },
  {
    fault: "keeps a deleted session in the order of updatedAt",
    caughtBy: "indexes: every list is right after a delete of a session",
    message: 'getSessions({"sortBy":"updatedAt"',
    make: forgets({ index: "sessions updatedAt", kind: "delete", when: deleted }),
  },
  {
    fault: "does not enter the new status of a replaced run",
    caughtBy: "indexes: every list is right after a turn whose onlyIfStatus holds",
    message: 'getSessions({"runStatus":"RUNNING"',
    make: forgets({ index: "sessions status", kind: "put", when: (about) => existing(about) && by("writeRun")(about) }),
  },
  {
    fault: "leaves the old status of a run that updateRun changed",
    caughtBy: "indexes: every list is right after updateRun with another status",
    message: 'getSessions({"runStatus":"PAUSED"',
    make: forgets({ index: "sessions status", kind: "delete", when: by("changeRun") }),
  },
  {
    fault: "leaves the status of runs that a turn deleted",
    caughtBy: "indexes: every list is right after a turn that deletes the runs after another",
    message: 'getSessions({"runStatus":"PAUSED"',
    make: forgets({ index: "sessions status", kind: "delete", when: deletesRunsAfter }),
  },
  {
    fault: "leaves the status of runs that deleteRuns deleted",
    caughtBy: "indexes: every list is right after a delete of runs",
    message: 'getSessions({"runStatus"',
    make: forgets({ index: "sessions status", kind: "delete", when: by("removeRuns") }),
  },
  {
    fault: "leaves the status of the runs of a deleted session",
    caughtBy: "indexes: every list is right after a session deleted and written again",
    message: 'getSessions({"runStatus":"PAUSED"',
    make: forgets({ index: "sessions status", kind: "delete", when: by("removeSessions") }),
  },
  {
    fault: "does not enter the participant of a replaced run",
    caughtBy: "indexes: every list is right after a turn of another participant, component and parent",
    message: 'getSessions({"participantId":"bob"',
    make: forgets({ index: "sessions participant", kind: "put", when: existing }),
  },
  {
    fault: "leaves the participant of deleted runs",
    caughtBy: "indexes: every list is right after a delete of runs",
    message: 'getSessions({"participantId"',
    make: forgets({ index: "sessions participant", kind: "delete", when: by("removeRuns") }),
  },
  {
    fault: "leaves the participant of runs that a turn deleted",
    caughtBy: "indexes: every list is right after a turn that deletes the runs after another",
    message: 'getSessions({"participantId":"carol"',
    make: forgets({ index: "sessions participant", kind: "delete", when: deletesRunsAfter }),
  },
  {
    fault: "leaves the participant that updateRun changed",
    caughtBy: "indexes: every list is right after updateRun with another participant and component",
    message: 'getSessions({"participantId":"bob"',
    make: forgets({ index: "sessions participant", when: by("changeRun") }),
  },
  {
    fault: "does not enter the component that a turn fills in",
    caughtBy: "indexes: every list is right after a turn that adopts a session and fills in its component",
    message: 'getSessions({"componentId":"one"',
    make: forgets({ index: "sessions agent", kind: "put", when: (about) => existing(about) && by("writeRun")(about) }),
  },
  {
    fault: "leaves the old component of a rewritten session",
    caughtBy: "indexes: every list is right after a session written again with another name and component",
    message: 'getSessions({"componentId":"one"',
    make: forgets({ index: "sessions agent", kind: "delete", when: existing }),
  },
  {
    fault: "leaves the type of a deleted session",
    caughtBy: "indexes: every list is right after a session deleted and written again under another type",
    message: 'getSessions({"sessionType":"team"',
    make: forgets({ index: "sessions type", kind: "delete", when: deleted }),
  },
  {
    fault: "does not move a session whose createdAt is kept from an import",
    caughtBy: "indexes: every list is right after a session whose updatedAt is set back with keepTimes",
    message: 'getSessions({"sortBy":"createdAt"',
    make: forgets({ index: "sessions createdAt", when: (about) => existing(about) && keptTimes(about) }),
  },
  {
    fault: "does not move a session whose updatedAt is kept from an import",
    caughtBy: "indexes: every list is right after a session whose updatedAt is set back with keepTimes",
    message: 'getSessions({"sortBy":"updatedAt"',
    make: forgets({ index: "sessions updatedAt", when: (about) => existing(about) && keptTimes(about) }),
  },
  {
    fault: "does not move a run whose createdAt is kept from an import",
    caughtBy: "indexes: every list is right after a session written with keepTimes",
    message: 'getRuns({"sortOrder"',
    make: forgets({ index: "runs createdAt", when: (about) => about.run?.before !== null && keptTimes(about) }),
  },
  {
    fault: "lists a run by the status it had before updateRun",
    caughtBy: "indexes: every list is right after updateRun with another status",
    message: 'getRuns({"status":"COMPLETED"',
    make: forgets({ index: "runs status", when: by("changeRun") }),
  },
  {
    fault: "lists a replaced run by its old status",
    caughtBy: "indexes: every list is right after a turn with another status",
    message: 'getRuns({"status":"COMPLETED"',
    make: forgets({ index: "runs status", when: ({ run }) => run?.before !== null && run?.after !== null }),
  },
  {
    fault: "lists a replaced run by its old participant too",
    caughtBy: "indexes: every list is right after a turn of another participant, component and parent",
    message: 'getRuns({"participantId":"carol"',
    make: forgets({ index: "runs participant", kind: "delete", when: ({ run }) => run?.after !== null }),
  },
  {
    fault: "does not list a replaced run by its new component",
    caughtBy: "indexes: every list is right after a turn of another participant, component and parent",
    message: 'getRuns({"componentId":"two"',
    make: forgets({ index: "runs component", kind: "put", when: ({ run }) => run?.before !== null }),
  },
  {
    fault: "lists a replaced run under its old parent",
    caughtBy: "indexes: every list is right after a turn of another participant, component and parent",
    message: 'getRuns({"parentRunId":null',
    make: forgets({ index: "runs parent", when: ({ run }) => run?.before !== null && run?.after !== null }),
  },
  {
    fault: "keeps the runs of a deleted session in the order of runs",
    caughtBy: "indexes: every list is right after a delete of a session",
    message: 'getRuns({"sortOrder"',
    make: forgets({ index: "runs createdAt", kind: "delete", when: by("removeSessions") }),
  },
  {
    fault: "keeps the runs that a turn deleted in the order of runs",
    caughtBy: "indexes: every list is right after a turn that deletes the runs after it",
    message: 'getRuns({"sortOrder"',
    make: forgets({ index: "runs createdAt", kind: "delete", when: deletesRunsAfter }),
  },
  {
    fault: "keeps a run that updateRun deleted in the order of its session",
    caughtBy: "indexes: every list is right after updateRun that deletes",
    message: 'getRuns({"sessionId":"a"',
    make: forgets({ index: "runs order", kind: "delete", when: by("changeRun") }),
  },
  {
    fault: "gives a recreated session the runs of the deleted one",
    caughtBy: "indexes: every list is right after a session deleted and written again",
    message: "after a session deleted and written again",
    make: forgets({ index: "place a", kind: "delete", when: by("removeSessions") }),
  },
  {
    fault: "leaves the status of a deleted and recreated run in the list of runs",
    caughtBy: "indexes: every list is right after a run deleted and written again",
    message: 'getRuns({"status":"PAUSED"',
    make: forgets({ index: "runs status", kind: "delete", when: deleted }),
  },
];
