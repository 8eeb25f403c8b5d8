import {
  dottedI,
  indexName,
  planSchema,
  tableNames,
  type FoldedSearch,
  type FoundSchema,
  type MemoryDialect,
  type OutsideTable,
  type PlanChoice,
  type SqlDialect,
} from "@sessiondb/drizzle";
import { sql, type Column, type SQL } from "drizzle-orm";
import { getTableConfig, PgDialect, type PgTable } from "drizzle-orm/pg-core";
import { memoryDialect } from "./postgres-memories.ts";
import { sessionTables, type PostgresTableOptions } from "./schema.ts";

/** The tables that Postgres finds, and whether their schema exists. */
export interface FoundPostgresSchema extends FoundSchema {
  /** Whether the schema of the tables exists. */
  readonly schemaExists: boolean;
}

/** Types that can replace each other. Any other type must be the wanted one. */
const families = [/^jsonb?$/, /^(bigint|integer|bigserial|serial)$/, /^(text|varchar|character varying)/];

/** Types that store times and places, and order them, as numbers. */
const numbers = /^(bigint|integer|smallint|numeric|double precision)\b/;

/** Types and collations that can make two ids equal: they ignore case or trailing spaces, or truncate long values. */
const mixing = /^(citext|character(\(|$)|bpchar|name$|"char")|\(nondeterministic collation\)$/;

/** Postgres's own spelling. */
export class PostgresDialect implements SqlDialect {
  readonly name = "postgres";
  readonly tables: ReturnType<typeof sessionTables>;
  readonly names: SqlDialect["names"];
  readonly memory: MemoryDialect;
  /** The schema of the tables; null to follow the search path. */
  readonly schema: string | null;
  // Not plain FOR UPDATE: a run that Agno inserts holds a key-share lock on its session, and need not wait.
  readonly lockRows = sql`for no key update`;
  readonly textType = sql`text`;
  readonly #dialect = new PgDialect();

  constructor(options: PostgresTableOptions) {
    this.tables = sessionTables(options);
    this.names = tableNames(options);
    this.memory = memoryDialect(options, contains);
    this.schema = options.schema ?? null;
  }

  render(query: SQL): { sql: string; params: unknown[] } {
    return this.#dialect.sqlToQuery(query);
  }

  byBytes(ids: Column | SQL): SQL {
    return sql`${ids} collate "C"`;
  }

  /** As stored, so compressed: nothing is read for it. */
  bytesOf(document: Column): SQL {
    return sql`pg_column_size(${document})`;
  }

  nameContains(sessionData: Column, search: FoldedSearch): SQL {
    return contains(nameOf(sessionData), search);
  }

  accepts(wanted: Column, foundType: string): boolean {
    const type = wanted.getSQLType();
    const family = families.find((each) => each.test(type));
    return family === undefined ? foundType === type : family.test(foundType) && !this.spoils(wanted, foundType);
  }

  spoils(wanted: Column, foundType: string): boolean {
    const type = wanted.getSQLType();
    return type === "bigint" ? !numbers.test(foundType) : type === "varchar" && mixing.test(foundType);
  }

  outside({ name, schema = this.schema ?? undefined }: OutsideTable): SQL {
    const table = sql.identifier(name);
    return schema === undefined ? sql`${table}` : sql`${sql.identifier(schema)}.${table}`;
  }

  findTables(tables: readonly OutsideTable[]): SQL {
    const places = tables.map(({ name, schema = this.schema }) => {
      const isThere = schema === null ? sql`pg_catalog.pg_table_is_visible(c.oid)` : sql`n.nspname = ${schema}`;
      return sql`c.relname = ${name} and ${isThere}`;
    });
    return sql`select c.relname, nullif(concat_ws(', ',
        case when not pg_catalog.has_schema_privilege(n.oid, 'USAGE') then 'USAGE of schema ' || n.nspname end,
        case when not pg_catalog.has_any_column_privilege(c.oid, 'SELECT') then 'SELECT' end,
        case when not pg_catalog.has_table_privilege(c.oid, 'DELETE') then 'DELETE' end), '')
      from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'f') and (${sql.join(places, sql` or `)})`;
  }

  plan(found: FoundPostgresSchema, choice: PlanChoice): string[] {
    const quote = (identifier: string): string => this.#dialect.escapeName(identifier);
    const statements = planSchema(found, {
      ...choice,
      tables: this.tables,
      configOf: (table) => getTableConfig(table as PgTable),
      quote,
      indexName,
      text: literal,
      // For an index, so columns are named without their table.
      inline: (expression) => this.#dialect.sqlToQuery(expression.inlineParams(), "indexes").sql,
    });
    // Not IF NOT EXISTS, which needs the right to create schemas even if there is nothing to create.
    return this.schema === null || found.schemaExists || statements.length === 0
      ? statements
      : [`CREATE SCHEMA ${quote(this.schema)}`, ...statements];
  }
}

/** Whether a text contains the search text once both are folded. */
function contains(text: SQL, { folded, variants, letters }: FoldedSearch): SQL {
  // Not lower(), which folds other letters or only ASCII, depending on the collation. Compares bytes in any database.
  const translated = sql`translate(${text} collate "C", ${variants}, ${letters})`;
  return sql`strpos(replace(${translated}, ${dottedI}, ${"i"}), ${folded}) > 0`;
}

/**
 * Matches the text of a JSON string named `session_name` in JSON text. The text is not parsed, since invalid JSON would
 * fail the whole query; escapes that `jsonb` refuses are not part of a name.
 */
const namePattern = String.raw`"session_name"\s*:\s*"((?:[^"\\]|\\["\\/bfnrt]|\\u(?!0000|[dD][89abcdefABCDEF])[0-9a-fA-F]{4}|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*)"`;
const encodedName = literal(namePattern);

/** A text literal that means the same regardless of `standard_conforming_strings`. */
function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? `E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** The name in a column of either JSON type, even if the document was encoded twice. Null if it is not a string. */
function nameOf(sessionData: Column): SQL {
  const name = sql`${sessionData} -> 'session_name'`;
  const plain = sql`case when jsonb_typeof((${name})::jsonb) = 'string' then ${sessionData} ->> 'session_name' end`;
  const found = sql`substring(${sessionData} #>> '{}' from ${sql.raw(encodedName)})`;
  const encoded = sql`('"' || ${found} || '"')::jsonb #>> '{}'`;
  return sql`(
    case jsonb_typeof(${sessionData}::jsonb) when 'object' then ${plain} when 'string' then ${encoded} end)`;
}
