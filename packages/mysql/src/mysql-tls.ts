import { isIP } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { ConnectionStringError } from "@sessiondb/core";
import { checkSecureContext, readParameterFile, wordOf } from "@sessiondb/drizzle";
import type { SslOptions } from "mysql2/promise";

/** What the connection must have: nothing; encryption; also a certificate of a known authority; also for this host. */
const protections = ["none", "encrypted", "authority", "host"] as const;
type Protection = (typeof protections)[number];

/** How a connection string asks for TLS. */
export interface MysqlTls {
  readonly protection: Protection;
  /** Settings in `ssl={…}`. */
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

/** The parameters that say how to connect, by their names without `-`, `_` and capitals. */
const modeParameters: Readonly<Record<string, { readonly name: string; readonly words: typeof modes }>> = {
  sslmode: { name: "ssl-mode", words: modes },
  ssl: { name: "ssl", words: { ...switches, ...modes } },
  // Prisma's.
  sslaccept: { name: "sslaccept", words: { strict: "host", accept_invalid_certs: "encrypted" } },
  // Go's.
  tls: { name: "tls", words: { ...switches, skip_verify: "encrypted", preferred: "encrypted" } },
  // SQLAlchemy's.
  sslverifycert: {
    name: "ssl_verify_cert",
    words: { true: "authority", "1": "authority", false: "encrypted", "0": "encrypted" },
  },
  sslverifyidentity: {
    name: "ssl_verify_identity",
    words: { true: "host", "1": "host", false: "encrypted", "0": "encrypted" },
  },
};

/** The parameters that name files. */
const fileParameters = { sslca: "ssl-ca", sslcert: "ssl-cert", sslkey: "ssl-key" } as const;

/** The names of all parameters about TLS, without `-`, `_` and capitals. */
export const tlsNames = [...Object.keys(modeParameters), ...Object.keys(fileParameters)];

/** Reads the parameters about TLS, by their names in `tlsNames`. `host` is null for a socket of the machine. */
export function readTls(given: ReadonlyMap<string, string>, { host }: { readonly host: string | null }): MysqlTls {
  const files = {
    sslca: given.get("sslca") ?? null,
    sslcert: given.get("sslcert") ?? null,
    sslkey: given.get("sslkey") ?? null,
  };
  if ((files.sslcert === null) !== (files.sslkey === null)) {
    throw new ConnectionStringError(
      "The connection string needs both ssl-cert and ssl-key, the client's own certificate. An authority's file is ssl-ca.",
    );
  }
  const ssl = given.get("ssl") ?? "";
  const profile = ssl === rdsProfile ? ssl : null;
  const settings = ssl.startsWith("{") ? readSettings(ssl) : null;
  const words = new Map(given);
  if (profile !== null || settings !== null) {
    words.delete("ssl");
  }
  const wanted = modesIn(words);
  if (profile !== null) {
    if (wanted.length > 0 || files.sslca !== null || files.sslcert !== null) {
      throw new ConnectionStringError(
        `ssl=${rdsProfile} in the connection string stands alone: leave out the other parameters about TLS, or name the authorities with ssl-ca.`,
      );
    }
    return { protection: "authority", settings: {}, profile, files };
  }
  const protection = strictest([...wanted, ...(settings === null ? [] : [modeOf(settings)])], files);
  if (protection === "host" && host !== null && !isVerifiable(host)) {
    throw new ConnectionStringError(
      "mysql2 cannot verify a certificate for an IP address. Name the host in the connection string, or set ssl-mode=VERIFY_CA, which does not verify the host.",
    );
  }
  return { protection, settings: settings ?? {}, profile, files };
}

function modesIn(given: ReadonlyMap<string, string>): readonly Protection[] {
  return Object.entries(modeParameters).flatMap(([folded, parameter]) => {
    const value = given.get(folded);
    return value === undefined ? [] : [wordOf(value.toLowerCase().replaceAll("-", "_"), parameter)];
  });
}

function modeOf({ rejectUnauthorized = true, verifyIdentity = false }: SslOptions): Protection {
  return rejectUnauthorized ? (verifyIdentity ? "host" : "authority") : "encrypted";
}

/** Returns the strictest of the modes. A file asks for what it serves, unless TLS is turned off. */
function strictest(wanted: readonly Protection[], { sslca, sslcert }: MysqlTls["files"]): Protection {
  if (wanted.includes("none")) {
    if (wanted.some((mode) => mode !== "none")) {
      throw new ConnectionStringError(
        "The connection string asks for TLS and for a connection without it: leave one of these parameters.",
      );
    }
    return "none";
  }
  const all = [...wanted, sslca === null ? "none" : "authority", sslcert === null ? "none" : "encrypted"];
  return protections.findLast((each) => all.includes(each)) ?? "none";
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

/** Returns the option `ssl` of mysql2; null for a connection in plain text. Reads the files of the certificates. */
export function sslOf({ protection, settings, profile, files }: MysqlTls): string | SslOptions | null {
  if (protection === "none") {
    return null;
  }
  if (profile !== null) {
    return profile;
  }
  const { sslca, sslcert, sslkey } = files;
  const read = {
    ...settings,
    ...(sslca !== null && { ca: readParameterFile(sslca, fileParameters.sslca) }),
    ...(sslcert !== null && { cert: readParameterFile(sslcert, fileParameters.sslcert) }),
    ...(sslkey !== null && { key: readParameterFile(sslkey, fileParameters.sslkey) }),
  };
  if (Object.keys(read).length > 0) {
    checkSecureContext(read as SecureContextOptions);
  }
  return { ...read, rejectUnauthorized: protection !== "encrypted", verifyIdentity: protection === "host" };
}
