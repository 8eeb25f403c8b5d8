import { getTableName, is, SQL, type Column, type Table } from "drizzle-orm";
import type { FoundSchema } from "./sql-dialect.ts";

/** What `getTableConfig` of every dialect gives, as far as it is used here. */
export interface TableConfig {
  readonly name: string;
  readonly schema?: string | undefined;
  readonly columns: readonly Column[];
  readonly indexes: readonly { readonly config: IndexConfig }[];
  readonly foreignKeys: readonly ForeignKeyConfig[];
}

interface IndexConfig {
  readonly name?: string | undefined;
  readonly columns: readonly unknown[];
  readonly where?: SQL | undefined;
}

interface ForeignKeyConfig {
  readonly onDelete: string | undefined;
  reference(): {
    readonly columns: readonly Column[];
    readonly foreignTable: Table;
    readonly foreignColumns: readonly Column[];
  };
}

export interface DdlSpelling {
  readonly quote: (identifier: string) => string;
  /** Renders an expression of an index; DDL has no parameters. */
  readonly inline: (expression: SQL) => string;
}

/** CREATE TABLE, column for column what the Drizzle table says. */
export function createTable(config: TableConfig, spelling: DdlSpelling): string {
  const { quote } = spelling;
  const columns = config.columns.map(
    (column) => `${quote(column.name)} ${column.getSQLType()}${column.notNull ? " NOT NULL" : ""}`,
  );
  const key = config.columns.filter((column) => column.primary).map((column) => quote(column.name));
  const references = config.foreignKeys.map((foreignKey) => {
    const { columns: from, foreignTable, foreignColumns } = foreignKey.reference();
    const target = qualified({ name: getTableName(foreignTable), schema: config.schema }, spelling);
    const rule = foreignKey.onDelete === undefined ? "" : ` ON DELETE ${foreignKey.onDelete.toUpperCase()}`;
    return `FOREIGN KEY (${columnList(from, spelling)}) REFERENCES ${target} (${columnList(foreignColumns, spelling)})${rule}`;
  });
  const parts = [...columns, `PRIMARY KEY (${key.join(", ")})`, ...references];
  return `CREATE TABLE ${qualified(config, spelling)} (${parts.join(", ")})`;
}

/** One CREATE INDEX for each index that is not there yet. */
export function createIndexes(config: TableConfig, spelling: DdlSpelling, found: ReadonlySet<string>): string[] {
  const { quote, inline } = spelling;
  // An index belongs to one table, so it names columns without it.
  const plain = (expression: SQL): string => inline(expression).replaceAll(`${quote(config.name)}.`, "");
  return config.indexes
    .filter(({ config: index }) => !found.has(index.name ?? ""))
    .map(({ config: index }) => {
      const keys = index.columns.map((key) => (is(key, SQL) ? plain(key) : quote((key as Column).name)));
      const where = index.where === undefined ? "" : ` WHERE ${plain(index.where)}`;
      return `CREATE INDEX ${quote(index.name ?? "")} ON ${qualified(config, spelling)} (${keys.join(", ")})${where}`;
    });
}

export interface PlanOptions extends DdlSpelling {
  /** In the order in which they can be created. */
  readonly tables: readonly TableConfig[];
  /** The table of schema versions, in which Agno notes each table that it creates. */
  readonly versions: TableConfig;
  /** Whether to make up for indexes that are missing on tables already there. */
  readonly indexes: boolean;
}

/** The version that Agno 3 notes for the tables as they are created here. */
const schemaVersion = "3.0.0";

/** The statements that bring the schema found to the one wanted; none where nothing is missing. */
export function planSchema(found: FoundSchema, { tables, versions, indexes, ...spelling }: PlanOptions): string[] {
  const created = tables.filter(({ name }) => !found.tables.has(name));
  const withVersions = created.length > 0 ? [versions, ...tables] : tables;
  const statements = withVersions.flatMap((config) => {
    if (!found.tables.has(config.name)) {
      return [createTable(config, spelling), ...createIndexes(config, spelling, found.indexes)];
    }
    return indexes ? createIndexes(config, spelling, found.indexes) : [];
  });
  return [...statements, ...created.map(({ name }) => noteVersion(name, versions, spelling))];
}

function noteVersion(table: string, versions: TableConfig, spelling: DdlSpelling): string {
  const { quote } = spelling;
  const now = `'${localTime(new Date())}'`;
  const names = ["table_name", "version", "created_at", "updated_at"].map(quote).join(", ");
  const updates = ["version", "updated_at"].map((name) => `${quote(name)} = excluded.${quote(name)}`).join(", ");
  return `INSERT INTO ${qualified(versions, spelling)} (${names}) VALUES ('${table.replaceAll("'", "''")}', '${schemaVersion}', ${now}, ${now}) ON CONFLICT (${quote("table_name")}) DO UPDATE SET ${updates}`;
}

/** Agno writes `datetime.now().isoformat()`: local time with microseconds and without a zone. */
function localTime(now: Date): string {
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return local.toISOString().replace("Z", "000");
}

function qualified({ name, schema }: { name: string; schema?: string | undefined }, { quote }: DdlSpelling): string {
  return schema === undefined ? quote(name) : `${quote(schema)}.${quote(name)}`;
}

function columnList(columns: readonly Column[], { quote }: DdlSpelling): string {
  return columns.map(({ name }) => quote(name)).join(", ");
}
