import type { ClientBase, QueryArrayConfig } from "pg";
import { asText } from "./as-text.ts";
import type { FoundPostgresSchema } from "./postgres-dialect.ts";

// One statement, so one round trip: a process that finds all in order pays no more at its start. The catalog is open to
// every role. Kinds of relations: tables, partitioned tables, views and foreign tables. A domain is the type that it is of.
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

interface Inspection {
  readonly tables: readonly string[];
  readonly schema: string | null;
  readonly statementTimeout: number;
}

type InspectedRow = ["column" | "index" | "schema", string, string, string];

export async function inspectSchema(
  client: ClientBase,
  { tables: names, schema, statementTimeout }: Inspection,
): Promise<FoundPostgresSchema> {
  const query: QueryArrayConfig & { query_timeout: number } = {
    text: inspection,
    values: [names, schema],
    rowMode: "array",
    types: asText,
    query_timeout: statementTimeout,
  };
  const { rows } = await client.query<InspectedRow>(query);
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
