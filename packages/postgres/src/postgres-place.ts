import type { ClientBase, Pool, PoolOptions } from "pg";

interface Connection {
  readonly url: string | undefined;
  readonly pool: Pool | undefined;
  readonly client: ClientBase | undefined;
}

/** Host and database, as error messages name them: without user and password. */
export function placeOf({ url, pool, client }: Connection): string {
  if (client !== undefined) {
    return describe(client as Partial<Record<"host" | "port" | "database", unknown>>);
  }
  const options: Partial<PoolOptions> = pool?.options ?? { connectionString: url ?? "" };
  const { connectionString } = options;
  if (connectionString === undefined || !URL.canParse(connectionString)) {
    return describe(options);
  }
  const { hostname, port, pathname, searchParams } = new URL(connectionString);
  const database = decodeURIComponent(pathname.slice(1));
  return describe({ host: hostname || searchParams.get("host"), port, database });
}

function describe({ host, port, database }: Partial<Record<"host" | "port" | "database", unknown>>): string {
  const { PGHOST = "localhost", PGDATABASE } = process.env;
  const server = `${text(host) ?? PGHOST}${text(port) === null ? "" : `:${text(port)}`}`;
  const name = text(database) ?? PGDATABASE;
  return name === undefined ? server : `${server}/${name}`;
}

function text(value: unknown): string | null {
  return typeof value === "number" || (typeof value === "string" && value !== "") ? String(value) : null;
}
