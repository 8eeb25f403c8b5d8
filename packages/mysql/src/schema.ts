import { indexName, jsonColumn, tableNames, type JsonColumn, type TableOptions } from "@sessiondb/drizzle";
import { bigint, customType, foreignKey, index, mysqlSchema, mysqlTable, varchar } from "drizzle-orm/mysql-core";

export const id = (name: string) => varchar(name, { length: 128 });
const kind = (name: string) => varchar(name, { length: 20 });
export const seconds = (name: string) => bigint(name, { mode: "number" });

export interface MySqlTableOptions extends TableOptions {
  /** The database of the tables. Default: the connection's current one. */
  database?: string;
}

/** The Drizzle tables of the store, column for column those of Agno 3, for your own queries or drizzle-kit schema. */
export function sessionTables(options: MySqlTableOptions = {}) {
  const names = tableNames(options);
  const agno = options.indexes === "agno";
  const sessionJson = (name: string) => customType<JsonColumn>(jsonColumn("json", names.sessions, name))(name);
  const runJson = (name: string) => customType<JsonColumn>(jsonColumn("json", names.runs, name))(name);
  // Both builders are the same, except for a type that says whether a database is named.
  const table =
    options.database === undefined ? mysqlTable : (mysqlSchema(options.database).table as unknown as typeof mysqlTable);

  const sessions = table(
    names.sessions,
    {
      sessionId: id("session_id").primaryKey(),
      sessionType: kind("session_type").notNull(),
      agentId: id("agent_id"),
      teamId: id("team_id"),
      workflowId: id("workflow_id"),
      userId: id("user_id"),
      sessionData: sessionJson("session_data"),
      agentData: sessionJson("agent_data"),
      teamData: sessionJson("team_data"),
      workflowData: sessionJson("workflow_data"),
      metadata: sessionJson("metadata"),
      summary: sessionJson("summary"),
      createdAt: seconds("created_at").notNull(),
      updatedAt: seconds("updated_at"),
    },
    ({ sessionId, sessionType, userId, agentId, teamId, workflowId, createdAt, updatedAt }) => [
      // An index name belongs to its table and has at most 64 characters, so these leave out the table's name.
      index("idx_sessions_user_id_created_at").on(userId, createdAt, sessionId),
      index("idx_sessions_user_id_updated_at").on(userId, updatedAt, sessionId),
      index("idx_sessions_agent_id_created_at").on(agentId, createdAt, sessionId),
      index("idx_sessions_team_id_created_at").on(teamId, createdAt, sessionId),
      index("idx_sessions_workflow_id_created_at").on(workflowId, createdAt, sessionId),
      index("idx_sessions_created_at").on(createdAt, sessionId),
      index("idx_sessions_updated_at").on(updatedAt, sessionId),
      ...(agno
        ? [
            index(indexName(`idx_${names.sessions}_session_type`)).on(sessionType),
            // In a table of this name, the index above already has the name and purpose of Agno's.
            ...(names.sessions === "sessions"
              ? []
              : [index(indexName(`idx_${names.sessions}_created_at`)).on(createdAt)]),
          ]
        : []),
    ],
  );

  const runs = table(
    names.runs,
    {
      runId: id("run_id").primaryKey(),
      sessionId: id("session_id").notNull(),
      runType: kind("run_type").notNull(),
      agentId: id("agent_id"),
      teamId: id("team_id"),
      workflowId: id("workflow_id"),
      userId: id("user_id"),
      parentRunId: id("parent_run_id"),
      status: varchar("status", { length: 50 }),
      runIndex: seconds("run_index"),
      runData: runJson("run_data").notNull(),
      createdAt: seconds("created_at").notNull(),
      updatedAt: seconds("updated_at"),
    },
    ({ runId, sessionId, runType, agentId, teamId, workflowId, userId, status, runIndex, createdAt }) => {
      return [
        foreignKey({ columns: [sessionId], foreignColumns: [sessions.sessionId] }).onDelete("cascade"),
        // Covers the runs' whole order: MySQL would sort the entire session otherwise. Never unique: Agno numbers
        // concurrent runs alike, and would overwrite one with the other here.
        index("idx_runs_session_id_run_index").on(sessionId, runIndex, createdAt, runId),
        index("idx_runs_user_id_session_id").on(userId, sessionId),
        index("idx_runs_created_at").on(createdAt, runId),
        // MySQL has no partial indexes, so these cost every turn a little: `status` that of COMPLETED too.
        index("idx_runs_status_created_at").on(status, createdAt, runId),
        index("idx_runs_agent_id_created_at").on(agentId, createdAt, runId),
        index("idx_runs_team_id_created_at").on(teamId, createdAt, runId),
        index("idx_runs_workflow_id_created_at").on(workflowId, createdAt, runId),
        ...(agno
          ? [
              ...[runType, sessionId, agentId, teamId, workflowId, userId, status, createdAt]
                .filter(({ name }) => names.runs !== "runs" || name !== "created_at")
                .map((column) => index(indexName(`idx_${names.runs}_${column.name}`)).on(column)),
              index(indexName(`${names.runs}_runs_session_id_run_index`)).on(sessionId, runIndex),
            ]
          : []),
      ];
    },
  );

  const versions = table(
    names.versions,
    {
      tableName: id("table_name").primaryKey(),
      version: varchar("version", { length: 10 }).notNull(),
      createdAt: id("created_at").notNull(),
      updatedAt: id("updated_at"),
    },
    ({ createdAt }) => (agno ? [index(`idx_${names.versions}_created_at`).on(createdAt)] : []),
  );

  return { sessions, runs, versions };
}
