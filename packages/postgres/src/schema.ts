import { InvalidArgumentError } from "@sessiondb/core";
import { isStorable } from "@sessiondb/core/adapter";
import { indexName, jsonColumn, tableNames, type JsonColumn, type TableOptions } from "@sessiondb/drizzle";
import { sql } from "drizzle-orm";
import { bigint, customType, foreignKey, index, PgSchema, pgTable, varchar, type PgColumn } from "drizzle-orm/pg-core";

export interface PostgresTableOptions extends TableOptions {
  /** The schema of the tables, created if missing. Default: as the connection's `search_path` says. Agno uses `ai`. */
  schema?: string;
}

export const time = (name: string) => bigint(name, { mode: "number" });

/** Orders ids by their bytes, regardless of the database's language. */
export const bytes = (column: PgColumn) => sql`${column} collate "C"`;

/** The Drizzle tables of the store, column for column those of Agno 3, for your own queries or drizzle-kit schema. */
export function sessionTables(options: PostgresTableOptions = {}) {
  const names = tableNames(options);
  const makeTable = tableMaker(options.schema);
  const agno = options.indexes === "agno";
  const sessionJson = (name: string) => customType<JsonColumn>(jsonColumn("jsonb", names.sessions, name))(name);
  const runJson = (name: string) => customType<JsonColumn>(jsonColumn("jsonb", names.runs, name))(name);
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
      return [
        foreignKey({ columns: [sessionId], foreignColumns: [sessions.sessionId] }).onDelete("cascade"),
        // Never unique: Agno numbers concurrent runs alike, and would lose them.
        runIndex("session_id_run_index").on(sessionId, table.runIndex),
        runIndex("user_id_session_id")
          .on(userId, sessionId)
          .where(sql`${userId} is not null`),
        runIndex("created_at_run_id").on(createdAt, bytes(table.runId)),
        // Nearly all runs end as completed, so an index of the others costs a turn nothing.
        runIndex("status_created_at")
          .on(status, createdAt, bytes(table.runId), sessionId)
          .where(sql`${status} <> 'COMPLETED'`),
        // A run names one component, and is only in that one's index.
        ...[agentId, teamId, workflowId].map((column) =>
          runIndex(`${column.name}_created_at`)
            .on(column, createdAt, bytes(table.runId))
            .where(sql`${column} is not null`),
        ),
        ...(agno
          ? [runType, sessionId, agentId, teamId, workflowId, userId, status, createdAt].map((column) =>
              runIndex(column.name).on(column),
            )
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

export function tableMaker(schema: string | undefined): typeof pgTable {
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
