import { isIP } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { ConnectionStringError } from "@sessiondb/core";
import {
  checkParameters,
  checkSecureContext,
  parseServerUrl,
  readParameterFile,
  takeParameter,
  wordOf,
} from "@sessiondb/drizzle";
import type { PoolOptions, SslOptions } from "mysql2/promise";

/** What the connection must have: nothing; encryption; also a certificate of a known authority; also for this host. */
const protections = ["none", "encrypted", "authority", "host"] as const;
type Protection = (typeof protections)[number];

/** A server, as a connection string describes it. */
export interface MysqlServer {
  /** For mysql2, without what this library reads itself. */
  readonly uri: string;
  readonly host: string;
  readonly database: string;
  /** What the URI cannot hold. */
  readonly login: Pick<PoolOptions, "user" | "password" | "socketPath">;
  readonly protection: Protection;
  /** Settings of TLS in `ssl={…}`. */
  readonly settings: SslOptions;
  /** The profile of mysql2 in `ssl=…`. */
  readonly profile: string | null;
  readonly files: Readonly<Record<keyof typeof fileParameters, string | null>>;
}

/** The words of `ssl-mode`, and those of other programs for the same. */
const modes: Readonly<Record<string, Protection>> = {
  disabled: "none",
  disable: "none",
  // Never in plain text: whoever could read it could also make the server seem to have no TLS.
  preferred: "encrypted",
  prefer: "encrypted",
  allow: "encrypted",
  required: "encrypted",
  require: "encrypted",
  verify_ca: "authority",
  verify_identity: "host",
  verify_full: "host",
};

/** The one profile of mysql2: the authorities of Amazon's databases. */
const rdsProfile = "Amazon RDS";

const switches: Readonly<Record<string, Protection>> = { true: "host", "1": "host", false: "none", "0": "none" };

/** The parameters that say how to connect, by their names without `-`, `_` and capitals, each with its words. */
const modeParameters: Readonly<Record<string, Readonly<Record<string, Protection>>>> = {
  sslmode: modes,
  ssl: { ...switches, ...modes },
  // Prisma's.
  sslaccept: { strict: "host", accept_invalid_certs: "encrypted" },
  // Go's.
  tls: { ...switches, skip_verify: "encrypted", preferred: "encrypted" },
  // SQLAlchemy's.
  sslverifycert: { true: "authority", "1": "authority", false: "encrypted", "0": "encrypted" },
  sslverifyidentity: { true: "host", "1": "host", false: "encrypted", "0": "encrypted" },
};

/** The parameters that name files. */
const fileParameters = { sslca: "ssl-ca", sslcert: "ssl-cert", sslkey: "ssl-key" } as const;

const socketNames = ["socketpath", "socket", "unixsocket"];

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
  const own = takeFolded(parameters, [...Object.keys(modeParameters), ...Object.keys(fileParameters), ...socketNames]);
  checkParameters(parameters, [...passed, ...taken]);
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
  const files = {
    sslca: own.get("sslca") ?? null,
    sslcert: own.get("sslcert") ?? null,
    sslkey: own.get("sslkey") ?? null,
  };
  if ((files.sslcert === null) !== (files.sslkey === null)) {
    throw new ConnectionStringError(
      "The connection string needs both ssl-cert and ssl-key, the client's own certificate. An authority's file is ssl-ca.",
    );
  }
  const host = decodeURIComponent(rest.hostname);
  const tls = readTls(own, files);
  if (tls.protection === "host" && socketPath === undefined && !isVerifiable(host)) {
    throw new ConnectionStringError(
      "mysql2 cannot verify a certificate for an IP address. Name the host in the connection string, or set ssl-mode=VERIFY_CA, which does not verify the host.",
    );
  }
  return {
    uri: rest.href,
    host: rest.host,
    database: decodeURIComponent(rest.pathname.slice(1)),
    login,
    files,
    ...tls,
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

function readTls(
  own: ReadonlyMap<string, string>,
  { sslca, sslcert }: MysqlServer["files"],
): Pick<MysqlServer, "protection" | "settings" | "profile"> {
  const ssl = own.get("ssl") ?? "";
  const isProfile = ssl === rdsProfile;
  const settings = ssl.startsWith("{") ? readSettings(ssl) : null;
  const wanted = Object.entries(modeParameters).flatMap(([name, words]) => {
    const value = own.get(name);
    if (value === undefined || (name === "ssl" && (isProfile || settings !== null))) {
      return [];
    }
    return [wordOf(value.toLowerCase().replaceAll("-", "_"), { name, words })];
  });
  if (isProfile) {
    if (wanted.length > 0 || sslca !== null || sslcert !== null) {
      throw new ConnectionStringError(
        `ssl=${rdsProfile} in the connection string stands alone: leave out the other parameters about TLS, or name the authorities with ssl-ca.`,
      );
    }
    return { protection: "authority", settings: {}, profile: rdsProfile };
  }
  if (settings !== null) {
    const { rejectUnauthorized = true, verifyIdentity = false } = settings;
    wanted.push(rejectUnauthorized ? (verifyIdentity ? "host" : "authority") : "encrypted");
  }
  if (wanted.includes("none")) {
    if (wanted.some((protection) => protection !== "none")) {
      throw new ConnectionStringError(
        "The connection string asks for TLS and for a connection without it: leave one of these parameters.",
      );
    }
    return { protection: "none", settings: {}, profile: null };
  }
  if (sslca !== null) {
    wanted.push("authority");
  }
  if (sslcert !== null) {
    wanted.push("encrypted");
  }
  // The strictest of all.
  const protection = protections.findLast((each) => wanted.includes(each)) ?? "none";
  return { protection, settings: settings ?? {}, profile: null };
}

/** The settings in `ssl={…}` that mysql2 carries out, by the types of their values. */
const settingTypes: Readonly<Record<string, string>> = {
  rejectUnauthorized: "boolean",
  verifyIdentity: "boolean",
  ca: "string",
  cert: "string",
  key: "string",
  passphrase: "string",
  ciphers: "string",
  minVersion: "string",
  maxVersion: "string",
};

function readSettings(text: string): SslOptions {
  const settings = parseJson(text);
  for (const [name, value] of Object.entries(settings)) {
    if (!Object.hasOwn(settingTypes, name) || typeof value !== settingTypes[name]) {
      const known = Object.entries(settingTypes).map(([each, type]) => `${each} (${type})`);
      throw new ConnectionStringError(
        `The parameter ssl of the connection string must be an object of ${known.join(", ")}.`,
      );
    }
  }
  return settings;
}

function parseJson(text: string): object {
  try {
    return JSON.parse(text) as object;
  } catch {
    // The parser's error quotes the text.
    throw new ConnectionStringError("The parameter ssl of the connection string is not valid JSON.");
  }
}

/** Whether mysql2 verifies this host: it takes every IP address for `localhost`. */
function isVerifiable(host: string): boolean {
  const address = host.replaceAll(/^\[|\]$/g, "");
  return isIP(address) === 0 || /^127\.|^::1$/.test(address);
}

/** Returns what mysql2 needs to connect. Reads the files that the connection string names. */
export function connectionOf({ uri, login, protection, settings, profile, files }: MysqlServer): PoolOptions {
  if (protection === "none") {
    return { uri, ...login };
  }
  if (profile !== null) {
    return { uri, ...login, ssl: profile };
  }
  const { sslca, sslcert, sslkey } = files;
  const ssl = {
    ...settings,
    ...(sslca !== null && { ca: readParameterFile(sslca, fileParameters.sslca) }),
    ...(sslcert !== null && { cert: readParameterFile(sslcert, fileParameters.sslcert) }),
    ...(sslkey !== null && { key: readParameterFile(sslkey, fileParameters.sslkey) }),
    rejectUnauthorized: protection !== "encrypted",
    verifyIdentity: protection === "host",
  };
  checkSecureContext(ssl as SecureContextOptions);
  return { uri, ...login, ssl };
}
