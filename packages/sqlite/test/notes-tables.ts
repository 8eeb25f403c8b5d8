import { furtherTables, step, type FurtherTables, type SqlDialect, type Steps } from "@sessiondb/drizzle";
import { Statement, type SqlConnection } from "@sessiondb/drizzle";
import type { SessionDb, UserSessionDb } from "@sessiondb/core";
import { eq, sql, type Column, type Table } from "drizzle-orm";
import { blob, foreignKey, index, integer, primaryKey, sqliteTable, text, unique } from "drizzle-orm/sqlite-core";

// The tables of a plug: notes, which a foreign key ties to their session, and drafts, which only their session's id does.

type Sessions = SqlDialect["tables"]["sessions"];

function notesTables(sessions: Sessions) {
  const notes = sqliteTable(
    "plug_notes",
    {
      sessionId: text("session_id").notNull(),
      place: integer("place").notNull(),
      userId: text("user_id"),
      body: blob("body").notNull(),
      kind: text("kind").notNull().default("plain's"),
      score: integer("score").default(sql`1 + 1`),
    },
    (table) => [
      primaryKey({ columns: [table.sessionId, table.place] }),
      unique().on(table.sessionId, table.body),
      foreignKey({ columns: [table.sessionId], foreignColumns: [sessions.sessionId as never] }).onDelete("cascade"),
      index("idx_plug_notes_user_id").on(table.userId),
    ],
  );
  const drafts = sqliteTable("plug_drafts", { sessionId: text("session_id").primaryKey().notNull() });
  return { notes, drafts };
}

/** The plug: what it keeps for a handle, or for a whole store. */
export class Notes {
  readonly tables: FurtherTables;
  readonly userId: string | null;

  constructor(db: SessionDb | UserSessionDb) {
    const made: { notes?: ReturnType<typeof notesTables> } = {};
    const { tables, userId } = furtherTables(db, {
      tables: (_, sessions): Table[] => {
        made.notes = notesTables(sessions);
        return Object.values(made.notes);
      },
      clearedWithSession: (all): Column[] =>
        all.flatMap((table) => (made.notes?.drafts === table ? [made.notes.drafts.sessionId] : [])),
    });
    this.tables = tables;
    this.userId = userId;
  }

  add(sessionId: string, bodies: readonly string[], { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    return this.tables.write((on) => this.#insert(on, sessionId, bodies), signal === undefined ? {} : { signal });
  }

  async bodies(): Promise<string[]> {
    const [notes] = this.tables.tables as [ReturnType<typeof notesTables>["notes"]];
    const mine = this.userId === null ? sql`` : sql` where ${eq(notes.userId, this.userId)}`;
    const query = sql`select ${notes.body} from ${notes}${mine} order by ${notes.sessionId}, ${notes.place}`;
    const statement = new Statement<never>(this.tables.dialect, query);
    const { rows } = await this.tables.read(function* read(on) {
      return yield* step(on.execute(statement, statement.bind({})));
    });
    return rows.map(([body]) => (body as Buffer).toString());
  }

  *#insert(on: SqlConnection, sessionId: string, bodies: readonly string[]): Steps<void> {
    const [notes, drafts] = this.tables.tables;
    for (const [place, body] of bodies.entries()) {
      const insert = sql`insert into ${notes} (session_id, place, user_id, body) values (${sessionId}, ${place}, ${this.userId}, ${Buffer.from(body)})`;
      yield* this.#run(on, insert);
    }
    yield* this.#run(on, sql`insert into ${drafts} (session_id) values (${sessionId}) on conflict do nothing`);
  }

  *#run(on: SqlConnection, query: ReturnType<typeof sql>): Steps<void> {
    const statement = new Statement<never>(this.tables.dialect, query);
    yield* step(on.execute(statement, statement.bind({})));
  }
}
