import { jsonColumn, tableNames, type JsonColumn, type TableOptions } from "@sessiondb/drizzle";
import { sql } from "drizzle-orm";
import { customType, foreignKey, index, sqliteTable, type SQLiteColumn } from "drizzle-orm/sqlite-core";

// Declared types matter: Agno binds by them, and reads a column as JSON only if it is declared JSON.
export const varchar = customType<{ data: string; driverData: string }>({ dataType: () => "VARCHAR" });
export const bigint = customType<{ data: number; driverData: number }>({
  dataType: () => "BIGINT",
  fromDriver: Number,
});

export type SqliteTableOptions = TableOptions;

/** The Drizzle tables of the store, column for column those of Agno 3, for your own queries or drizzle-kit schema. */
export function sessionTables(options: SqliteTableOptions = {}) {
  const names = tableNames(options);
  const agno = options.indexes === "agno";
  const sessionJson = (name: string) => customType<JsonColumn>(jsonColumn("JSON", names.sessions, name))(name);
  const runJson = (name: string) => customType<JsonColumn>(jsonColumn("JSON", names.runs, name))(name);
  const sessionIndex = (suffix: string) => index(`idx_${names.sessions}_${suffix}`);
  const runIndex = (suffix: string) => index(`idx_${names.runs}_${suffix}`);

  const sessions = sqliteTable(
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
      createdAt: bigint("created_at").notNull(),
      updatedAt: bigint("updated_at"),
    },
    (table) => {
      const updated = sql`coalesce(${table.updatedAt}, ${table.createdAt})`;
      const { sessionId, createdAt } = table;
      const present = (column: SQLiteColumn) => sql`${column} is not null`;
      return [
        sessionIndex("user_id_created_at").on(table.userId, createdAt, sessionId).where(present(table.userId)),
        sessionIndex("user_id_updated_at").on(table.userId, updated, sessionId).where(present(table.userId)),
        sessionIndex("agent_id_created_at").on(table.agentId, createdAt, sessionId).where(present(table.agentId)),
        sessionIndex("team_id_created_at").on(table.teamId, createdAt, sessionId).where(present(table.teamId)),
        sessionIndex("workflow_id_created_at")
          .on(table.workflowId, createdAt, sessionId)
          .where(present(table.workflowId)),
        sessionIndex("created_at_session_id").on(createdAt, sessionId),
        sessionIndex("updated_at_session_id").on(updated, sessionId),
        ...(agno ? [sessionIndex("session_type").on(table.sessionType), sessionIndex("created_at").on(createdAt)] : []),
      ];
    },
  );

  const runs = sqliteTable(
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
      runIndex: bigint("run_index"),
      runData: runJson("run_data").notNull(),
      createdAt: bigint("created_at").notNull(),
      updatedAt: bigint("updated_at"),
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
        runIndex("created_at_run_id").on(createdAt, table.runId),
        // Nearly all runs end as completed, so an index of the others costs a turn nothing. It ends with the session,
        // so that a list of sessions reads no run.
        runIndex("status_created_at")
          .on(status, createdAt, table.runId, sessionId)
          .where(sql`${status} <> 'COMPLETED'`),
        // A run names one component, and is only in that one's index.
        ...[agentId, teamId, workflowId].map((column) =>
          runIndex(`${column.name}_created_at`)
            .on(column, createdAt, table.runId)
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

  const versions = sqliteTable(
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
