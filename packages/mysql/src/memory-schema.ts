import { indexName, jsonColumn, memoryNames, type JsonColumn } from "@sessiondb/drizzle";
import { customType, index, mysqlSchema, mysqlTable, text } from "drizzle-orm/mysql-core";
import { id, seconds, type MySqlTableOptions } from "./schema.ts";

/**
 * The Drizzle tables of memories: `memories`, column for column that of Agno, which can read no table with one more, and
 * `owners`, by whose rows the writers of a user's memories take turns.
 */
export function memoryTables(options: MySqlTableOptions = {}) {
  const names = memoryNames(options);
  const json = (column: string) => customType<JsonColumn>(jsonColumn("json", names.memories, column))(column);
  // Both builders are the same, except for a type that says whether a database is named.
  const table =
    options.database === undefined ? mysqlTable : (mysqlSchema(options.database).table as unknown as typeof mysqlTable);
  const memories = table(
    names.memories,
    {
      memoryId: id("memory_id").primaryKey(),
      memory: json("memory").notNull(),
      feedback: text("feedback"),
      input: text("input"),
      agentId: id("agent_id"),
      teamId: id("team_id"),
      userId: id("user_id"),
      topics: json("topics"),
      createdAt: seconds("created_at").notNull(),
      updatedAt: seconds("updated_at"),
    },
    ({ memoryId, agentId, teamId, userId, createdAt, updatedAt }) => [
      // Never unique: Agno would lose memories through it, or overwrite one with another. MariaDB has no index on an
      // expression, so the order by `updated_at` is two: see `MysqlMemories`.
      ...[userId, agentId, teamId].flatMap((column) =>
        [updatedAt, createdAt].map((time) =>
          index(`idx_memories_${column.name}_${time.name}`).on(column, time, memoryId),
        ),
      ),
      ...[updatedAt, createdAt].map((time) => index(`idx_memories_${time.name}`).on(time, memoryId)),
      ...(options.indexes === "agno"
        ? [userId, createdAt, updatedAt]
            .filter(({ name }) => names.memories !== "memories" || name === "user_id")
            .map((column) => index(indexName(`idx_${names.memories}_${column.name}`)).on(column))
        : []),
    ],
  );
  const owners = table(names.owners, { userId: id("user_id").primaryKey() });
  return { memories, owners };
}
