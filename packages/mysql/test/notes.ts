import { Statement, step, value, type FurtherTables, type FurtherTablesOptions } from "@sessiondb/drizzle";
import { sql } from "drizzle-orm";
import { foreignKey, mysqlTable, text, varchar, type AnyMySqlColumn } from "drizzle-orm/mysql-core";

/** A plug's table of notes on sessions. */
export const notes: FurtherTablesOptions = {
  tables: (_, sessions) => [
    mysqlTable(
      "my_notes",
      {
        noteId: varchar("note_id", { length: 128 }).primaryKey(),
        sessionId: varchar("session_id", { length: 128 }).notNull(),
        note: text("note"),
      },
      ({ sessionId }) => [
        foreignKey({ columns: [sessionId], foreignColumns: [sessions.sessionId as AnyMySqlColumn] }).onDelete(
          "cascade",
        ),
      ],
    ),
  ],
};

export async function writeNote(tables: FurtherTables, noteId: string, sessionId: string): Promise<void> {
  const [table] = tables.tables;
  const insert = new Statement<never>(
    tables.dialect,
    sql`insert into ${table} (note_id, session_id, note) values (${value("noteId")}, ${value("sessionId")}, 'Text')`,
  );
  await tables.write(function* (on) {
    yield* step(on.execute(insert, insert.bind({ noteId, sessionId })));
  });
}

/** The ids of all notes. */
export function notesOf(tables: FurtherTables): Promise<string[]> {
  const select = new Statement<never>(tables.dialect, sql`select note_id from ${tables.tables[0]}`);
  return tables.read(function* (on) {
    const { rows } = yield* step(on.execute(select, []));
    return rows.map(([noteId]) => String(noteId));
  });
}
