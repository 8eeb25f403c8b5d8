import type { ManagedSchema, SessionDb } from "@sessiondb/core";
import { expect, test } from "vitest";

// The tables in which Agno keeps parts of a session besides the store's two, and the rows that a delete leaves in them:
// one matrix for every database. The statements use the SQL that all databases understand.

/** A database in which Agno's tables are created. */
export interface AgnoSite {
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>;
  /** Returns the name of a table of Agno for use in statements. */
  readonly tableName: (table: AgnoTableName) => string;
}

/** An empty site, for the deletes of a store. */
export interface DeleteSite extends AgnoSite {
  readonly open: () => SessionDb & ManagedSchema & AsyncDisposable;
  /** Runs work in a transaction of the caller's, which is then committed. */
  readonly inTransaction: (db: SessionDb, work: (within: SessionDb) => Promise<unknown>) => Promise<unknown>;
}

const id = "varchar(100) not null";

/** The tables as Agno 3.1.10 creates them, if they name a session. */
const columns = {
  agno_tool_results: `result_id ${id} primary key, namespace ${id}, path ${id}, session_id ${id}, unique (namespace, path)`,
  agno_fs: `namespace ${id}, user_id varchar(100) default '' not null, path ${id}, content text not null, primary key (namespace, user_id, path)`,
  agno_transcripts: `framework ${id}, session_id ${id}, position bigint not null, entry text not null, agno_session_id ${id}, primary key (framework, session_id, position)`,
  agno_compactions: `compaction_id ${id} primary key, session_id ${id}, archived_messages text`,
  agno_learnings: `learning_id ${id} primary key, session_id ${id}, learning_type ${id}, content text`,
  // Agno's own delete leaves these rows, and so does the store's.
  agno_approvals: `approval_id ${id} primary key, session_id ${id}`,
} as const;

export type AgnoTableName = keyof typeof columns;

const left = ["agno_approvals"];

export async function createAgnoTables(site: AgnoSite, tables: readonly AgnoTableName[]): Promise<void> {
  for (const table of tables) {
    await site.query(`create table ${site.tableName(table)} (${columns[table]})`);
  }
}

/** Fills each of the tables with Agno's rows of a session. */
export async function fillAgnoTables(
  site: AgnoSite,
  tables: readonly AgnoTableName[],
  sessionId: string,
): Promise<void> {
  const rows: Record<AgnoTableName, string[]> = {
    agno_tool_results: [`'res ${sessionId}', 'results/${sessionId}', 'one', '${sessionId}'`],
    // A payload, and a file that no result names.
    agno_fs: [
      `'results/${sessionId}', '', 'one', 'a long result'`,
      `'results/${sessionId}', '', 'of the agent', 'a file'`,
    ],
    // The id that the other program gave its own session equals that of another of ours.
    agno_transcripts: [
      `'claude', 'theirs of ${sessionId}', 0, 'said', '${sessionId}'`,
      `'codex', '${sessionId}', 0, 'said', 'other'`,
    ],
    agno_compactions: [`'first ${sessionId}', '${sessionId}', 'said'`, `'second ${sessionId}', '${sessionId}', 'said'`],
    // A learning of the session, and one that an agent learnt in it.
    agno_learnings: [
      `'context ${sessionId}', '${sessionId}', 'session_context', 'said'`,
      `'decision ${sessionId}', '${sessionId}', 'decision_log', 'decided'`,
    ],
    agno_approvals: [`'approval ${sessionId}', '${sessionId}'`],
  };
  for (const table of tables) {
    for (const values of rows[table]) {
      await site.query(`insert into ${site.tableName(table)} values (${values})`);
    }
  }
}

async function contentOf(site: DeleteSite, table: AgnoTableName): Promise<string[]> {
  const rows = await site.query(`select * from ${site.tableName(table)}`);
  return rows.map((row) => JSON.stringify(Object.values(row))).toSorted();
}

/** Whether a delete of session `a` removes a row. */
function isOfA(table: AgnoTableName, row: string, tables: readonly AgnoTableName[]): boolean {
  const sessionId = "a";
  const values = JSON.parse(row) as unknown[];
  switch (table) {
    case "agno_fs":
      return tables.includes("agno_tool_results") && values[0] === `results/${sessionId}` && values[2] === "one";
    case "agno_tool_results":
      return values[3] === sessionId;
    case "agno_transcripts":
      return values[4] === sessionId;
    case "agno_learnings":
      return values[1] === sessionId && values[2] === "session_context";
    default:
      return !left.includes(table) && values[1] === sessionId;
  }
}

const userId = "ada";

/** Every way to delete session `a` and no other. */
const deletes: Readonly<Record<string, (db: SessionDb, site: DeleteSite) => Promise<unknown>>> = {
  deleteSession: (db) => db.deleteSession({ sessionId: "a" }),
  "deleteSession of a user": (db) => db.deleteSession({ sessionId: "a", userId }),
  "deleteSession of a handle": (db) => db.forUser(userId).deleteSession({ sessionId: "a" }),
  "deleteSessions by id": (db) => db.deleteSessions({ sessionIds: ["a", "nowhere"] }),
  "deleteSessions by filter": (db) => db.deleteSessions({ filter: { componentId: "agent a" } }),
  "deleteSessions of a handle": (db) => db.forUser(userId).deleteSessions({ filter: { componentId: "agent a" } }),
  "deleteSession in the caller's transaction": (db, site) =>
    site.inTransaction(db, (within) => within.deleteSession({ sessionId: "a" })),
};

const all = Object.keys(columns) as AgnoTableName[];

/** The sets of tables that a database may have: the smallest and the largest, and those in between. */
export const agnoTableSets: Readonly<Record<"usual" | "further", readonly (readonly AgnoTableName[])[]>> = {
  usual: [[], ["agno_tool_results", "agno_fs"], all],
  further: [["agno_compactions"], ["agno_transcripts"], ["agno_learnings"], ["agno_tool_results"], ["agno_fs"]],
};

/** When tables appear and disappear, as the store sees it. Each returns the tables that exist at the delete. */
const histories: Readonly<
  Record<
    string,
    (site: DeleteSite, tables: readonly AgnoTableName[], seen: () => Promise<void>) => Promise<readonly AgnoTableName[]>
  >
> = {
  "that were there": async (site, tables) => {
    await createAgnoTables(site, tables);
    return tables;
  },
  "made after the first delete": async (site, tables, seen) => {
    await seen();
    await createAgnoTables(site, tables);
    return tables;
  },
  "found before": async (site, tables, seen) => {
    await createAgnoTables(site, tables);
    await seen();
    return tables;
  },
  "of which one was dropped": async (site, tables, seen) => {
    await createAgnoTables(site, tables);
    await seen();
    const [dropped, ...others] = tables;
    if (dropped !== undefined) {
      await site.query(`drop table ${site.tableName(dropped)}`);
    }
    return others;
  },
  "made anew": async (site, tables, seen) => {
    await createAgnoTables(site, tables);
    await seen();
    for (const table of tables) {
      await site.query(`drop table ${site.tableName(table)}`);
    }
    await seen();
    await createAgnoTables(site, tables);
    return tables;
  },
};

export function agnoDeleteTests(fresh: () => Promise<DeleteSite>, sets: readonly (readonly AgnoTableName[])[]): void {
  for (const [history, come] of Object.entries(histories)) {
    for (const [way, remove] of Object.entries(deletes)) {
      test(`${way} clears its rows in tables of Agno ${history}, and no others`, { timeout: 60_000 }, async () => {
        for (const subset of sets) {
          await clears(await fresh(), { subset, come, remove });
        }
      });
    }
  }
}

async function clears(
  site: DeleteSite,
  {
    subset,
    come,
    remove,
  }: {
    subset: readonly AgnoTableName[];
    come: (typeof histories)[string];
    remove: (typeof deletes)[string];
  },
): Promise<void> {
  await using db = site.open();
  const session = (sessionId: string) =>
    ({ sessionType: "agent", sessionId, agentId: `agent ${sessionId}`, userId }) as const;
  const run = (runId: string) => ({ runType: "agent", runId, content: runId }) as const;
  for (const sessionId of ["a", "b", "A"]) {
    await db.upsertSession({ ...session(sessionId), runs: [run(`run ${sessionId}`)] });
  }
  const seen = async () => {
    await db.upsertSession(session("gone"));
    expect(await db.deleteSession({ sessionId: "gone" })).toBe(true);
  };
  const tables = await come(site, subset, seen);
  for (const sessionId of ["a", "b", "A"]) {
    await fillAgnoTables(site, tables, sessionId);
  }
  const wanted = new Map<AgnoTableName, string[]>();
  for (const table of tables) {
    const rows = await contentOf(site, table);
    wanted.set(
      table,
      rows.filter((row) => !isOfA(table, row, tables)),
    );
  }

  expect(Number(await remove(db, site))).toBe(1);

  for (const table of tables) {
    expect(await contentOf(site, table)).toEqual(wanted.get(table));
  }
  expect((await db.getSessions()).sessions.map(({ sessionId }) => sessionId).toSorted()).toEqual(["A", "b"]);
  expect((await db.getRuns()).runs.map(({ runId }) => runId).toSorted()).toEqual(["run A", "run b"]);
  // A delete of missing sessions does nothing.
  expect(Number(await remove(db, site))).toBe(0);
}
