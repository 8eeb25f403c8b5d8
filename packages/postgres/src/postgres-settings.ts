import { InvalidArgumentError } from "@sessiondb/core";
import type { ClientBase, QueryArrayConfig } from "pg";
import { asText } from "./as-text.ts";

/** What a connection was found to be set to, for stores that name no schema. */
export interface ConnectionSettings {
  /** The schemas in which a table without schema is looked for. */
  readonly searchPath: readonly string[];
  /** The temporary tables of the connection, which hide tables of the same name. */
  readonly temporary: readonly string[];
}

const question = `
  select pg_catalog.current_setting('server_encoding'), pg_catalog.current_setting('client_encoding'),
    pg_catalog.to_json(pg_catalog.current_schemas(false))::text,
    (select pg_catalog.json_agg(c.relname)::text from pg_catalog.pg_class c
      where pg_catalog.pg_my_temp_schema() <> 0 and c.relnamespace = pg_catalog.pg_my_temp_schema())`;

const found = new WeakMap<ClientBase, ConnectionSettings>();

/**
 * Asks a connection once for the settings under which text would be stored or read as something else.
 *
 * @throws InvalidArgumentError that names the setting.
 */
export async function settingsOf(client: ClientBase, timeout: number): Promise<ConnectionSettings> {
  const known = found.get(client);
  if (known !== undefined) {
    return known;
  }
  if ("binary" in client && Boolean(client.binary)) {
    throw new InvalidArgumentError("binary", "left out of the options of pg: values are read as text");
  }
  const query: QueryArrayConfig & { query_timeout: number } = {
    text: question,
    rowMode: "array",
    types: asText,
    query_timeout: timeout,
  };
  const [row] = (await client.query<(string | null)[]>(query)).rows;
  const [serverEncoding, clientEncoding, searchPath, temporary] = row ?? [];
  for (const [setting, value] of Object.entries({ server_encoding: serverEncoding, client_encoding: clientEncoding })) {
    if (value !== "UTF8") {
      const whose = setting === "server_encoding" ? "the database" : "the connection";
      throw new InvalidArgumentError(setting, `UTF8, or text is damaged: that of ${whose} is ${value}`);
    }
  }
  const settings = { searchPath: namesIn(searchPath), temporary: namesIn(temporary) };
  found.set(client, settings);
  return settings;
}

function namesIn(json: string | null | undefined): string[] {
  return JSON.parse(json ?? "[]") as string[];
}

/** Where a store finds tables that it names without a schema: in the same place on each of its connections. */
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
      throw new InvalidArgumentError("schema", "given: the search_path of the connection leads to no schema");
    }
    const path = searchPath.join(", ");
    this.#first ??= path;
    if (path !== this.#first) {
      throw new InvalidArgumentError(
        "schema",
        `given: the search_path of one connection leads to ${this.#first}, that of another one to ${path}`,
      );
    }
  }
}
