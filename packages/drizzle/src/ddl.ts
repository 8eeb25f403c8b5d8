import { InvalidArgumentError } from "@sessiondb/core";
import { getTableName, is, sql, SQL, type Column, type Table } from "drizzle-orm";
import type { FoundSchema, PlanChoice, SqlDialect } from "./sql-dialect.ts";

/** The part used here of what every dialect's `getTableConfig` returns. */
interface TableConfig {
  readonly name: string;
  readonly schema?: string | undefined;
  readonly columns: readonly Column[];
  readonly indexes: readonly { readonly config: IndexConfig }[];
  readonly foreignKeys: readonly ForeignKeyConfig[];
  readonly primaryKeys: readonly { readonly columns: readonly Column[] }[];
  readonly uniqueConstraints: readonly { readonly columns: readonly Column[] }[];
}

interface IndexConfig {
  readonly name?: string | undefined;
  readonly columns: readonly unknown[];
  readonly where?: SQL | undefined;
  readonly unique?: boolean | undefined;
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
  /** The name of an index, fitted to the database's limits. */
  readonly indexName: (name: string) => string;
  /** Renders an expression of an index; DDL has no parameters. */
  readonly inline: (expression: SQL) => string;
  /** The type of a column, if it differs from the Drizzle table's. */
  readonly columnType?: (column: Column) => string;
  /** The text after the list of columns: the storage engine, the collation. */
  readonly tableOptions?: string;
  /** Whether CREATE TABLE includes the indexes, so that it is one step where DDL cannot be rolled back. */
  readonly indexesInTable?: boolean;
  /** A text literal. Default: in single quotes, with those inside doubled. */
  readonly text?: (value: string) => string;
  /** The clause by which INSERT replaces these columns of an existing row. Default `ON CONFLICT`. */
  readonly replace?: (columns: readonly string[]) => string;
}

/** CREATE TABLE, column for column as in the Drizzle table. */
function createTable(config: TableConfig, spelling: DdlSpelling): string {
  const { quote, columnType, tableOptions, indexesInTable = false } = spelling;
  const columns = config.columns.map((column) => {
    const type = columnType?.(column) ?? column.getSQLType();
    return `${quote(column.name)} ${type}${column.notNull ? " NOT NULL" : ""}${defaultOf(column, spelling)}`;
  });
  const keys = [config.columns.filter((column) => column.primary), ...config.primaryKeys.map((each) => each.columns)];
  const primary = keys.filter((key) => key.length > 0).map((key) => `PRIMARY KEY (${columnList(key, spelling)})`);
  const unique = [
    ...config.columns.filter((column) => column.isUnique).map((column) => [column]),
    ...config.uniqueConstraints.map((each) => each.columns),
  ].map((key) => `UNIQUE (${columnList(key, spelling)})`);
  const references = config.foreignKeys.map((foreignKey) => {
    const { columns: from, foreignTable, foreignColumns } = foreignKey.reference();
    const target = qualified({ name: getTableName(foreignTable), schema: config.schema }, spelling);
    const rule = foreignKey.onDelete === undefined ? "" : ` ON DELETE ${foreignKey.onDelete.toUpperCase()}`;
    return `FOREIGN KEY (${columnList(from, spelling)}) REFERENCES ${target} (${columnList(foreignColumns, spelling)})${rule}`;
  });
  const indexes = indexesInTable
    ? config.indexes.map(
        ({ config: index }) =>
          `${index.unique === true ? "UNIQUE " : ""}INDEX ${quote(nameOf(index, config, spelling))} ${indexKeys(index, config, spelling)}`,
      )
    : [];
  const parts = [...columns, ...primary, ...unique, ...indexes, ...references];
  const options = tableOptions === undefined ? "" : ` ${tableOptions}`;
  return `CREATE TABLE ${qualified(config, spelling)} (${parts.join(", ")})${options}`;
}

function defaultOf(column: Column, { inline }: DdlSpelling): string {
  const value = column.default;
  if (value === undefined) {
    return "";
  }
  return ` DEFAULT (${inline(is(value, SQL) ? value : sql`${sql.param(value, column)}`)})`;
}

function nameOf({ name = "" }: IndexConfig, table: TableConfig, { indexName }: DdlSpelling): string {
  if (name === "") {
    throw new InvalidArgumentError("options.tables", `tables whose indexes have names, unlike "${table.name}"`);
  }
  return indexName(name);
}

/** `(a, b) WHERE c`. An index belongs to one table, so its columns are named without it. */
function indexKeys({ columns, where }: IndexConfig, table: TableConfig, { quote, inline }: DdlSpelling): string {
  const plain = (expression: SQL): string => inline(expression).replaceAll(`${quote(table.name)}.`, "");
  const keys = columns.map((key) => (is(key, SQL) ? plain(key) : quote((key as Column).name)));
  return `(${keys.join(", ")})${where === undefined ? "" : ` WHERE ${plain(where)}`}`;
}

/** One CREATE INDEX for each missing index. */
function createIndexes(config: TableConfig, spelling: DdlSpelling, found: ReadonlySet<string>): string[] {
  const { quote } = spelling;
  return config.indexes
    .filter(({ config: index }) => !found.has(nameOf(index, config, spelling)))
    .map(({ config: index }) => {
      const keys = indexKeys(index, config, spelling);
      return `CREATE ${index.unique === true ? "UNIQUE " : ""}INDEX ${quote(nameOf(index, config, spelling))} ON ${qualified(config, spelling)} ${keys}`;
    });
}

export interface PlanOptions extends DdlSpelling, PlanChoice {
  readonly tables: SqlDialect["tables"];
  /** `getTableConfig` of the dialect. */
  readonly configOf: (table: Table) => TableConfig;
}

/** The schema version that Agno 3 records for the tables created here. */
const schemaVersion = "3.0.0";

/** The statements that turn the schema found into the one wanted; none if nothing is missing. */
export function planSchema(found: FoundSchema, options: PlanOptions): string[] {
  const {
    tables,
    configOf,
    indexes,
    further,
    recorded = further === undefined ? ownTables(tables) : [],
    ...spelling
  } = options;
  const wanted = (further ?? ownTables(tables)).map(configOf);
  // Agno records each table that it creates; other further tables are not Agno's.
  const records = new Set(recorded.map((table) => configOf(table).name));
  const versions = records.size > 0 ? configOf(tables.versions) : null;
  const created = wanted.filter(({ name }) => !found.tables.has(name));
  const withVersions =
    created.some(({ name }) => records.has(name)) && versions !== null ? [versions, ...wanted] : wanted;
  const statements = withVersions.flatMap((config) => {
    if (!found.tables.has(config.name)) {
      const more = spelling.indexesInTable === true ? [] : createIndexes(config, spelling, found.indexes);
      return [createTable(config, spelling), ...more];
    }
    return indexes ? createIndexes(config, spelling, found.indexes) : [];
  });
  const noted = created.filter(({ name }) => records.has(name));
  const notes = versions === null ? [] : noted.map(({ name }) => noteVersion(name, versions, spelling));
  return [...statements, ...notes];
}

function ownTables({ sessions, runs }: SqlDialect["tables"]): Table[] {
  return [sessions, runs];
}

function noteVersion(table: string, versions: TableConfig, spelling: DdlSpelling): string {
  const { quote, text = quotedText, replace } = spelling;
  const now = `'${localTime(new Date())}'`;
  const names = ["table_name", "version", "created_at", "updated_at"].map(quote).join(", ");
  const replaced = ["version", "updated_at"].map(quote);
  const onConflict = `ON CONFLICT (${quote("table_name")}) DO UPDATE SET ${replaced.map((name) => `${name} = excluded.${name}`).join(", ")}`;
  return `INSERT INTO ${qualified(versions, spelling)} (${names}) VALUES (${text(table)}, '${schemaVersion}', ${now}, ${now}) ${replace?.(replaced) ?? onConflict}`;
}

function quotedText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** Local time with microseconds and without a zone, as Agno writes it: `datetime.now().isoformat()`. */
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
