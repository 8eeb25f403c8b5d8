import { ConnectionStringError } from "@sessiondb/core";
import {
  checkParameters,
  checkSecureContext,
  parseServerUrl,
  poolParameters,
  readParameterFile,
  takeParameter,
  wordOf,
} from "@sessiondb/drizzle";
import type { PoolConfig } from "pg";
import { BoundClient } from "./bound-client.ts";

/** What the connection must have: nothing; encryption; also a certificate of a known authority; also for this host. */
type Protection = "none" | "encrypted" | "authority" | "host";

/** The files of certificates that a connection string names. */
interface TlsFiles {
  readonly sslrootcert: string | null;
  readonly sslcert: string | null;
  readonly sslkey: string | null;
}

/** A server, as a connection string describes it. */
export interface PostgresServer {
  /** For pg, without the parameters that this library carries out itself. */
  readonly connectionString: string;
  /** Undefined where the string says nothing: then pg looks at `PGSSLMODE`. */
  readonly protection: Protection | undefined;
  readonly files: TlsFiles;
  readonly channelBinding: "disable" | "prefer" | "require";
  /** Whether TLS begins without asking the server for it first. */
  readonly isDirect: boolean;
  /** For messages. */
  readonly place: { readonly host: string; readonly port: string; readonly database: string };
}

/** The modes as pg 8 has them: those that may be satisfied with less in other programs ask for the most. */
const modes: Readonly<Record<string, Protection>> = {
  disable: "none",
  allow: "host",
  prefer: "host",
  require: "host",
  "verify-ca": "authority",
  "verify-full": "host",
  "no-verify": "encrypted",
};

/** The modes of libpq that differ. A connection in plain text needs `disable` there too. */
const libpqModes = { ...modes, allow: "encrypted", prefer: "encrypted", require: "encrypted" } as const;

/** `ssl`, which is older than `sslmode`. */
const switches: Readonly<Record<string, Protection>> = { true: "host", "1": "host", false: "none", "0": "none" };

/** The options of the store that a connection string may hold. */
export const storeParameters = ["schema", "sessionTable", "runsTable", "memoryTable"];

/** The parameters that pg understands, beside those that this file takes out. */
const passed = [
  "host",
  "port",
  "user",
  "password",
  "application_name",
  "fallback_application_name",
  "client_encoding",
  "options",
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "query_timeout",
];

/** Those of them that are whole numbers: times in milliseconds, and the port. pg would cut the unit off. */
const wholeNumbers = [
  "port",
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "query_timeout",
];

/** What consoles add for other programs, and what means nothing here. */
const labels = ["pgbouncer", "supa", "workaround"];

const taken = [
  "sslmode",
  "ssl",
  "uselibpqcompat",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "sslnegotiation",
  "channel_binding",
];

/** @throws ConnectionStringError */
export function parsePostgresUrl(url: unknown): URL {
  return parseServerUrl(url, {
    schemes: ["postgres", "postgresql"],
    example: "postgres://user:password@host:5432/database",
  });
}

/** Reads a connection string without the options of the store. */
export function readServer(url: URL): PostgresServer {
  const rest = new URL(url);
  const parameters = rest.searchParams;
  for (const label of labels) {
    parameters.delete(label);
  }
  checkParameters(parameters, [...storeParameters, ...poolParameters, ...passed, ...taken]);
  for (const name of wholeNumbers) {
    if (!/^\d*$/.test(parameters.get(name) ?? "")) {
      const unit = name === "port" ? "" : " of milliseconds, without a unit";
      throw new ConnectionStringError(`The parameter ${name} of the connection string must be a number${unit}.`);
    }
  }
  const sslrootcert = takeParameter(parameters, "sslrootcert");
  const files = {
    // Node's own authorities are those that libpq calls the system's.
    sslrootcert: sslrootcert === "system" ? null : sslrootcert,
    sslcert: takeParameter(parameters, "sslcert"),
    sslkey: takeParameter(parameters, "sslkey"),
  };
  if ((files.sslcert === null) !== (files.sslkey === null)) {
    throw new ConnectionStringError(
      "The connection string needs both sslcert and sslkey, the client's own certificate. An authority's file is sslrootcert.",
    );
  }
  const isDirect = wordOf(takeParameter(parameters, "sslnegotiation") ?? "postgres", {
    name: "sslnegotiation",
    words: { postgres: false, direct: true },
  });
  const isImplied = isDirect || sslrootcert !== null || files.sslcert !== null;
  const protection = takeProtection(parameters, files) ?? (isImplied ? "host" : undefined);
  if (isDirect && protection === "none") {
    throw new ConnectionStringError(
      "sslnegotiation=direct and sslmode=disable in the connection string contradict each other: leave out one.",
    );
  }
  const channelBinding = wordOf(takeParameter(parameters, "channel_binding") ?? "disable", {
    name: "channel_binding",
    words: { disable: "disable", prefer: "prefer", require: "require" } as const,
  });
  if (channelBinding === "require" && (protection ?? "none") === "none") {
    throw new ConnectionStringError(
      "channel_binding=require in the connection string needs encryption: add sslmode=verify-full.",
    );
  }
  return { connectionString: rest.href, protection, files, channelBinding, isDirect, place: placeOfUrl(rest) };
}

function takeProtection(parameters: URLSearchParams, { sslrootcert }: TlsFiles): Protection | undefined {
  const ssl = takeParameter(parameters, "ssl");
  const sslmode = takeParameter(parameters, "sslmode");
  const compatible = takeParameter(parameters, "uselibpqcompat") ?? "false";
  const isLibpq = wordOf(compatible, { name: "uselibpqcompat", words: { true: true, false: false } });
  const switched = ssl === null ? undefined : wordOf(ssl, { name: "ssl", words: { ...switches, ...modes } });
  const words = isLibpq ? libpqModes : modes;
  const mode = sslmode === null ? undefined : wordOf(sslmode, { name: "sslmode", words });
  if (switched !== undefined && mode !== undefined && (switched === "none") !== (mode === "none")) {
    throw new ConnectionStringError("ssl and sslmode in the connection string contradict each other: leave out ssl.");
  }
  return isLibpq && sslmode === "require" && sslrootcert !== null ? "authority" : (mode ?? switched);
}

/** The place that a connection string leads to, for messages. */
export function placeOfUrl({ hostname, port, pathname, searchParams }: URL): PostgresServer["place"] {
  return {
    host: searchParams.get("host") ?? decodeURIComponent(hostname),
    port: searchParams.get("port") ?? port,
    database: decodeURIComponent(pathname.slice(1)),
  };
}

/** Returns what pg needs to connect. Reads the files that the connection string names. */
export function connectionOf(server: PostgresServer): PoolConfig {
  const { connectionString, protection, files, channelBinding, isDirect } = server;
  return {
    connectionString,
    ...(protection !== undefined && { ssl: tlsOf(protection, files) }),
    // In the connection string, it would make pg set `ssl` anew.
    ...(isDirect && { sslnegotiation: "direct" }),
    ...(channelBinding !== "disable" && { enableChannelBinding: true }),
    ...(channelBinding === "require" && { Client: BoundClient }),
  };
}

function tlsOf(protection: Protection, { sslrootcert, sslcert, sslkey }: TlsFiles): NonNullable<PoolConfig["ssl"]> {
  if (protection === "none") {
    return false;
  }
  const tls = {
    ...(sslrootcert !== null && { ca: readParameterFile(sslrootcert, "sslrootcert") }),
    ...(sslcert !== null && { cert: readParameterFile(sslcert, "sslcert") }),
    ...(sslkey !== null && { key: readParameterFile(sslkey, "sslkey") }),
    ...(protection === "encrypted" && { rejectUnauthorized: false }),
    ...(protection === "authority" && { checkServerIdentity: () => undefined }),
  };
  if (sslrootcert !== null || sslcert !== null) {
    checkSecureContext(tls);
  }
  return tls;
}
