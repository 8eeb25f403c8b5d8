import { jsonColumn, memoryNames, type JsonColumn } from "@sessiondb/drizzle";
import { sql } from "drizzle-orm";
import { customType, index, sqliteTable, type SQLiteColumn } from "drizzle-orm/sqlite-core";
import { bigint, varchar, type SqliteTableOptions } from "./schema.ts";

/** The Drizzle table of memories, column for column that of Agno, which can read no table with one more. */
export function memoryTables(options: SqliteTableOptions = {}) {
  const { memories: name } = memoryNames(options);
  const json = (column: string) => customType<JsonColumn>(jsonColumn("JSON", name, column))(column);
  const memoryIndex = (suffix: string) => index(`idx_${name}_${suffix}`);
  const memories = sqliteTable(
    name,
    {
      memoryId: varchar("memory_id").primaryKey().notNull(),
      memory: json("memory").notNull(),
      feedback: varchar("feedback"),
      input: varchar("input"),
      agentId: varchar("agent_id"),
      teamId: varchar("team_id"),
      userId: varchar("user_id"),
      topics: json("topics"),
      createdAt: bigint("created_at").notNull(),
      updatedAt: bigint("updated_at"),
    },
    ({ memoryId, agentId, teamId, userId, createdAt, updatedAt }) => {
      const updated = sql`coalesce(${updatedAt}, ${createdAt})`;
      const present = (column: SQLiteColumn) => sql`${column} is not null`;
      return [
        // Never unique: Agno would lose memories through it, or overwrite one with another.
        ...[userId, agentId, teamId].flatMap((column) => [
          memoryIndex(`${column.name}_updated_at`).on(column, updated, memoryId).where(present(column)),
          memoryIndex(`${column.name}_created_at`).on(column, createdAt, memoryId).where(present(column)),
        ]),
        memoryIndex("updated_at_memory_id").on(updated, memoryId),
        memoryIndex("created_at_memory_id").on(createdAt, memoryId),
        ...(options.indexes === "agno"
          ? [userId, createdAt, updatedAt].map((column) => memoryIndex(column.name).on(column))
          : []),
      ];
    },
  );
  return { memories, owners: null };
}
