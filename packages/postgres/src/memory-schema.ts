import { indexName, jsonColumn, memoryNames, type JsonColumn } from "@sessiondb/drizzle";
import { sql } from "drizzle-orm";
import { customType, index, text, varchar, type PgColumn } from "drizzle-orm/pg-core";
import { bytes, tableMaker, time, type PostgresTableOptions } from "./schema.ts";

/**
 * The Drizzle tables of memories: `memories`, column for column that of Agno, which can read no table with one more, and
 * `owners`, by whose rows the writers of a user's memories take turns.
 */
export function memoryTables(options: PostgresTableOptions = {}) {
  const names = memoryNames(options);
  const makeTable = tableMaker(options.schema);
  const json = (column: string) => customType<JsonColumn>(jsonColumn("jsonb", names.memories, column))(column);
  const memoryIndex = (suffix: string) => index(indexName(`idx_${names.memories}_${suffix}`));
  const memories = makeTable(
    names.memories,
    {
      memoryId: varchar("memory_id").primaryKey().notNull(),
      memory: json("memory").notNull(),
      feedback: text("feedback"),
      input: text("input"),
      agentId: varchar("agent_id"),
      teamId: varchar("team_id"),
      userId: varchar("user_id"),
      topics: json("topics"),
      createdAt: time("created_at").notNull(),
      updatedAt: time("updated_at"),
    },
    ({ memoryId, agentId, teamId, userId, createdAt, updatedAt }) => {
      const updated = sql`coalesce(${updatedAt}, ${createdAt})`;
      const id = bytes(memoryId);
      const present = (column: PgColumn) => sql`${column} is not null`;
      return [
        // Never unique: Agno would lose memories through it, or overwrite one with another.
        ...[userId, agentId, teamId].flatMap((column) => [
          memoryIndex(`${column.name}_updated_at`).on(column, updated, id).where(present(column)),
          memoryIndex(`${column.name}_created_at`).on(column, createdAt, id).where(present(column)),
        ]),
        memoryIndex("updated_at_memory_id").on(updated, id),
        memoryIndex("created_at_memory_id").on(createdAt, id),
        ...(options.indexes === "agno"
          ? [userId, createdAt, updatedAt].map((column) => memoryIndex(column.name).on(column))
          : []),
      ];
    },
  );
  const owners = makeTable(names.owners, { userId: varchar("user_id").primaryKey().notNull() });
  return { memories, owners };
}
