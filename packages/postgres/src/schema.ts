import { InvalidArgumentError, type JsonValue } from "@sessiondb/core";
import { isStorable, parseJson } from "@sessiondb/core/adapter";
import { indexName, tableNames, type TableNameOptions } from "@sessiondb/drizzle";
import { sql } from "drizzle-orm";
import { bigint, customType, foreignKey, index, PgSchema, pgTable, varchar, type PgColumn } from "drizzle-orm/pg-core";

export interface PostgresTableOptions extends TableNameOptions {
  /** The schema of the tables, created if missing. Default: what the connection's `search_path` says. Agno's is `ai`. */
  schema?: string;
  /**
   * Which indexes the tables get: those that a query of this library needs, or with `"agno"` also all that Agno makes.
   * Default `"needed"`.
   */
  indexes?: "needed" | "agno";
}

/** A JSON column. What is bound to it as a string is JSON text already. */
function json(table: string) {
  return (name: string) =>
    customType<{ data: JsonValue; driverData: unknown }>({
      dataType: () => "jsonb",
      toDriver: (value) => (typeof value === "string" ? value : JSON.stringify(value)),
      fromDriver: (stored) => parseJson(stored, `${table}.${name}`, null),
    })(name);
}

const time = (name: string) => bigint(name, { mode: "number" });

/** Ids are ordered by their bytes, whatever the language of the database. */
const bytes = (column: PgColumn) => sql`${column} collate "C"`;

/**
 * The Drizzle tables of the store, column for column those of Agno 3, for queries of your own or your drizzle-kit schema.
 */
export function sessionTables(options: PostgresTableOptions = {}) {
  const names = tableNames(options);
  const makeTable = tableMaker(options.schema);
  const agno = options.indexes === "agno";
  const sessionJson = json(names.sessions);
  const runJson = json(names.runs);
  const sessionIndex = (suffix: string) => index(indexName(`idx_${names.sessions}_${suffix}`));
  const runIndex = (suffix: string) => index(indexName(`idx_${names.runs}_${suffix}`));

  const sessions = makeTable(
    names.sessions,
    {
      sessionId: varchar("session_id").primaryKey().notNull(),
      sessionType: varchar("session_type").notNull(),
      agentId: varchar("agent_id"),
      teamId: varchar("team_id"),
      workflowId: varchar("workflow_id"),
      userId: varchar("user_id"),
      sessionData: sessionJson("session_data"),
      agentData: sessionJson("agent_data"),
      teamData: sessionJson("team_data"),
      workflowData: sessionJson("workflow_data"),
      metadata: sessionJson("metadata"),
      summary: sessionJson("summary"),
      createdAt: time("created_at").notNull(),
      updatedAt: time("updated_at"),
    },
    ({ createdAt, updatedAt, ...table }) => {
      const updated = sql`coalesce(${updatedAt}, ${createdAt})`;
      const id = bytes(table.sessionId);
      const present = (column: PgColumn) => sql`${column} is not null`;
      return [
        sessionIndex("user_id_created_at").on(table.userId, createdAt, id).where(present(table.userId)),
        sessionIndex("user_id_updated_at").on(table.userId, updated, id).where(present(table.userId)),
        sessionIndex("agent_id_created_at").on(table.agentId, createdAt, id).where(present(table.agentId)),
        sessionIndex("team_id_created_at").on(table.teamId, createdAt, id).where(present(table.teamId)),
        sessionIndex("workflow_id_created_at").on(table.workflowId, createdAt, id).where(present(table.workflowId)),
        sessionIndex("created_at_session_id").on(createdAt, id),
        sessionIndex("updated_at_session_id").on(updated, id),
        ...(agno ? [sessionIndex("session_type").on(table.sessionType), sessionIndex("created_at").on(createdAt)] : []),
      ];
    },
  );

  const runs = makeTable(
    names.runs,
    {
      runId: varchar("run_id").primaryKey().notNull(),
      sessionId: varchar("session_id").notNull(),
      runType: varchar("run_type").notNull(),
      agentId: varchar("agent_id"),
      teamId: varchar("team_id"),
      workflowId: varchar("workflow_id"),
      userId: varchar("user_id"),
      parentRunId: varchar("parent_run_id"),
      status: varchar("status"),
      runIndex: bigint("run_index", { mode: "number" }),
      runData: runJson("run_data").notNull(),
      createdAt: time("created_at").notNull(),
      updatedAt: time("updated_at"),
    },
    (table) => {
      const { sessionId, runType, agentId, teamId, workflowId, userId, status, createdAt } = table;
      const agnoColumns = { run_type: runType, session_id: sessionId, agent_id: agentId, team_id: teamId };
      const moreAgnoColumns = { workflow_id: workflowId, user_id: userId, status, created_at: createdAt };
      return [
        foreignKey({ columns: [sessionId], foreignColumns: [sessions.sessionId] }).onDelete("cascade"),
        // Never unique: Agno numbers concurrent runs alike, and would lose them.
        runIndex("session_id_run_index").on(sessionId, table.runIndex),
        runIndex("user_id_session_id")
          .on(userId, sessionId)
          .where(sql`${userId} is not null`),
        runIndex("created_at_run_id").on(createdAt, bytes(table.runId)),
        // Nearly all runs end as completed: an index of the others costs a turn nothing.
        runIndex("status_created_at")
          .on(status, createdAt, bytes(table.runId), sessionId)
          .where(sql`${status} <> 'COMPLETED'`),
        // A run names one component, and is in the index of that one alone.
        ...Object.entries({ agent_id: agentId, team_id: teamId, workflow_id: workflowId }).map(([name, column]) =>
          runIndex(`${name}_created_at`)
            .on(column, createdAt, bytes(table.runId))
            .where(sql`${column} is not null`),
        ),
        ...(agno
          ? Object.entries({ ...agnoColumns, ...moreAgnoColumns }).map(([name, column]) => runIndex(name).on(column))
          : []),
      ];
    },
  );

  const versions = makeTable(
    names.versions,
    {
      tableName: varchar("table_name").primaryKey().notNull(),
      version: varchar("version").notNull(),
      createdAt: varchar("created_at").notNull(),
      updatedAt: varchar("updated_at"),
    },
    (table) => (agno ? [index(`idx_${names.versions}_created_at`).on(table.createdAt)] : []),
  );

  return { sessions, runs, versions };
}

function tableMaker(schema: string | undefined): typeof pgTable {
  if (schema === undefined) {
    return pgTable;
  }
  // Not `pgSchema`, which refuses `public`: a search path may lead elsewhere.
  return new PgSchema(checkSchema(schema, "schema")).table as unknown as typeof pgTable;
}

export function checkSchema(schema: unknown, argument: string): string {
  if (typeof schema !== "string" || schema === "" || !isStorable(schema) || Buffer.byteLength(schema) > 63) {
    throw new InvalidArgumentError(argument, "the name of a schema, at most 63 bytes long");
  }
  return schema;
}
