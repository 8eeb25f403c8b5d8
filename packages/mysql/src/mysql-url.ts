import { ConnectionStringError } from "@sessiondb/core";
import { checkParameters, parseServerUrl, poolParameters, takeParameter } from "@sessiondb/drizzle";
import type { PoolOptions } from "mysql2/promise";
import { readTls, sslOf, tlsNames, type MysqlTls } from "./mysql-tls.ts";

/** A server, as a connection string describes it. */
export interface MysqlServer {
  /** For mysql2, without what this library reads itself. */
  readonly uri: string;
  readonly host: string;
  readonly database: string;
  /** What the URI cannot hold. */
  readonly login: Pick<PoolOptions, "user" | "password" | "socketPath">;
  readonly tls: MysqlTls;
}

const socketNames = ["socketpath", "socket", "unixsocket"];

/** The options of the store that a connection string may hold. */
export const storeParameters = ["database", "sessionTable", "runsTable", "memoryTable"];

/** The parameters of mysql2 that a connection string may hold. `debug` is not one: it prints what is sent. */
const passed = [
  "user",
  "password",
  "password1",
  "password2",
  "password3",
  "passwordSha1",
  "bigNumberStrings",
  "charset",
  "charsetNumber",
  "compress",
  "connectAttributes",
  "connectTimeout",
  "connectionLimit",
  "dateStrings",
  "decimalNumbers",
  "disableEval",
  "enableCleartextPlugin",
  "enableKeepAlive",
  "flags",
  "gracefulEnd",
  "idleTimeout",
  "insecureAuth",
  "jsonStrings",
  "keepAliveInitialDelay",
  "localAddress",
  "maxIdle",
  "maxPreparedStatements",
  "multipleStatements",
  "namedPlaceholders",
  "nestTables",
  "queueLimit",
  "resetOnRelease",
  "rowsAsArray",
  "stringifyObjects",
  "supportBigNumbers",
  "timezone",
  "trace",
  "typeCast",
  "waitForConnections",
];

const taken = ["ssl-mode", "ssl", "sslaccept", "tls", "ssl-ca", "ssl-cert", "ssl-key", "socketPath"];

/** @throws ConnectionStringError */
export function parseMysqlUrl(text: unknown): URL {
  return parseServerUrl(text, {
    schemes: ["mysql", "mariadb"],
    example: "mysql://user:password@host:3306/database",
  });
}

/** Reads a connection string without the options of the store. */
export function readServer(url: URL): MysqlServer {
  const rest = new URL(url.href.replace(/^mariadb:/i, "mysql:"));
  const parameters = rest.searchParams;
  const own = takeFolded(parameters, [...tlsNames, ...socketNames]);
  checkParameters(parameters, [...storeParameters, ...poolParameters, ...passed, ...taken]);
  checkTimezone(parameters);
  keepSafe(parameters);
  const socketPath = socketNames.map((name) => own.get(name)).find((path) => path !== undefined);
  if (rest.hostname === "" && socketPath === undefined) {
    throw new ConnectionStringError(
      "The connection string names no host. It looks like mysql://user:password@host:3306/database",
    );
  }
  const login = Object.fromEntries(
    Object.entries({
      user: takeParameter(parameters, "user"),
      password: takeParameter(parameters, "password"),
      socketPath,
    }).filter(([, value]) => typeof value === "string"),
  );
  const tls = readTls(own, { host: socketPath === undefined ? decodeURIComponent(rest.hostname) : null });
  return {
    uri: rest.href,
    host: rest.host,
    database: decodeURIComponent(rest.pathname.slice(1)),
    login,
    tls,
  };
}

/** Takes parameters out of a connection string by their folded names, which many programs spell in their own way. */
function takeFolded(parameters: URLSearchParams, names: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const all = [...parameters];
  for (const [name, value] of all) {
    const folded = fold(name);
    if (names.includes(folded)) {
      if ((found.get(folded) ?? value) !== value) {
        throw new ConnectionStringError(`The connection string has two values for ${name}: leave one.`);
      }
      found.set(folded, value);
      parameters.delete(name);
    }
  }
  return found;
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, "");
}

/** mysql2 would print a warning about another value, and use UTC. */
function checkTimezone(parameters: URLSearchParams): void {
  if (!/^(?:local|Z|[ +-]\d\d:\d\d)$/.test(parameters.get("timezone") ?? "Z")) {
    throw new ConnectionStringError(
      "The parameter timezone of the connection string must be local, Z, or like +02:00 (as %2B02:00).",
    );
  }
}

/** Takes out what would make the store lose text, settings, or the count of found rows. */
function keepSafe(parameters: URLSearchParams): void {
  for (const name of ["charset", "charsetNumber", "resetOnRelease"]) {
    parameters.delete(name);
  }
  const flags = takeParameter(parameters, "flags");
  if (flags !== null) {
    parameters.set("flags", flags.replaceAll(/-FOUND_ROWS/gi, "FOUND_ROWS"));
  }
}

/** Returns what mysql2 needs to connect. Reads the files that the connection string names. */
export function connectionOf({ uri, login, tls }: MysqlServer): PoolOptions {
  const ssl = sslOf(tls);
  return { uri, ...login, ...(ssl !== null && { ssl }) };
}
