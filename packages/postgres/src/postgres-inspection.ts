import { InvalidArgumentError } from "@sessiondb/core";
import type { ClientBase } from "pg";
import type { PostgresConnection } from "./postgres-connection.ts";
import type { FoundPostgresSchema } from "./postgres-dialect.ts";
import { boundNames, type BoundName } from "./server-bounds.ts";

// One statement, so one round trip: a process that finds all in order pays no more at its start. Every role may read
// the catalog. Kinds of relations: tables, partitioned tables, views and foreign tables. A domain is its base type.
const inspection = `
  with found as (
    select c.oid, c.relname from pg_catalog.pg_class c
    where c.relname = any($1) and c.relkind in ('r', 'p', 'v', 'f')
      and case when $2::text is null then pg_catalog.pg_table_is_visible(c.oid)
          else c.relnamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = $2) end)
  select 'column', f.relname::text, a.attname::text,
      case t.typtype when 'd' then pg_catalog.format_type(t.typbasetype, t.typtypmod)
        else pg_catalog.format_type(a.atttypid, a.atttypmod) end
      || case when c.oid is null then '' else ' (nondeterministic collation)' end
    from found f join pg_catalog.pg_attribute a on a.attrelid = f.oid
      join pg_catalog.pg_type t on t.oid = a.atttypid
      left join pg_catalog.pg_collation c on c.oid = a.attcollation and not c.collisdeterministic
    where a.attnum > 0 and not a.attisdropped
  union all
  select 'index', f.relname::text, i.relname::text, null
    from found f join pg_catalog.pg_index x on x.indrelid = f.oid join pg_catalog.pg_class i on i.oid = x.indexrelid
  union all
  select 'schema', n.nspname::text, null, null from pg_catalog.pg_namespace n where n.nspname = $2`;

type InspectedRow = ["column" | "index" | "schema", string, string, string];

export async function inspectSchema(
  on: PostgresConnection,
  names: readonly string[],
  schema: string | null,
): Promise<FoundPostgresSchema> {
  const { rows } = await on.query<InspectedRow>(inspection, { values: [names, schema] });
  const tables = new Map<string, Map<string, string>>();
  const indexes = new Set<string>();
  let schemaExists = false;
  for (const [kind, name, part, type] of rows) {
    switch (kind) {
      case "column":
        tables.set(name, (tables.get(name) ?? new Map<string, string>()).set(part, type));
        break;
      case "index":
        indexes.add(part);
        break;
      case "schema":
        schemaExists = true;
        break;
    }
  }
  return { tables, indexes, schemaExists };
}

/** The settings found on a connection. */
interface ConnectionSettings {
  /** The bounds that are not set. */
  readonly unbounded: readonly BoundName[];
  /** The schemas searched for a table without a schema. */
  readonly searchPath: readonly string[];
  /** The connection's temporary tables, which hide tables of the same name. */
  readonly temporary: readonly string[];
}

const question = `
  select pg_catalog.current_setting('server_encoding'), pg_catalog.current_setting('client_encoding'),
    pg_catalog.to_json(pg_catalog.current_schemas(false))::text,
    (select pg_catalog.json_agg(c.relname)::text from pg_catalog.pg_class c
      where pg_catalog.pg_my_temp_schema() <> 0 and c.relnamespace = pg_catalog.pg_my_temp_schema()),
    ${boundNames.map((name) => `pg_catalog.current_setting('${name}', true)`).join(", ")}`;

const found = new WeakMap<ClientBase, ConnectionSettings>();

/**
 * Reads a connection's settings once, and refuses those that would alter text when it is stored or read.
 *
 * @throws InvalidArgumentError that names the setting.
 */
export async function settingsOf(on: PostgresConnection): Promise<ConnectionSettings> {
  const { client } = on;
  const known = found.get(client);
  if (known !== undefined) {
    return known;
  }
  if ("binary" in client && Boolean(client.binary)) {
    throw new InvalidArgumentError("binary", "left out of the options of pg: values are read as text");
  }
  const [row] = (await on.query<(string | null)[]>(question)).rows;
  const [serverEncoding, clientEncoding, searchPath, temporary, ...bounds] = row ?? [];
  for (const [setting, value] of Object.entries({ server_encoding: serverEncoding, client_encoding: clientEncoding })) {
    if (value !== "UTF8") {
      const whose = setting === "server_encoding" ? "the database" : "the connection";
      throw new InvalidArgumentError(setting, `UTF8, or text would be damaged: ${whose} uses ${value}`);
    }
  }
  const unbounded = boundNames.filter((_, index) => bounds[index] === "0");
  const settings = { searchPath: namesIn(searchPath), temporary: namesIn(temporary), unbounded };
  found.set(client, settings);
  return settings;
}

function namesIn(json: string | null | undefined): string[] {
  return JSON.parse(json ?? "[]") as string[];
}

/** Makes sure that a store finds tables without a schema in the same place on each of its connections. */
export class SearchPath {
  readonly #tables: readonly string[];
  #first: string | null = null;

  constructor(tables: readonly string[]) {
    this.#tables = tables;
  }

  check({ searchPath, temporary }: ConnectionSettings): void {
    const hidden = this.#tables.find((table) => temporary.includes(table));
    if (hidden !== undefined) {
      throw new InvalidArgumentError("schema", `given: a temporary table of the connection hides ${hidden}`);
    }
    if (searchPath.length === 0) {
      throw new InvalidArgumentError("schema", "given: the connection can use no schema of its search_path");
    }
    const path = searchPath.join(", ");
    this.#first ??= path;
    if (path !== this.#first) {
      throw new InvalidArgumentError(
        "schema",
        `given: connections differ in their search_path, which leads one to ${this.#first} and another to ${path}`,
      );
    }
  }
}
