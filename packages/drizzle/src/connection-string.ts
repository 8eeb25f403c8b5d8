import { readFileSync } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { ConnectionStringError } from "@sessiondb/core";

/** The connection strings that an adapter understands. */
export interface ConnectionStringForm {
  /** In lower case, without colons. */
  readonly schemes: readonly string[];
  /** For messages. */
  readonly example: string;
}

/**
 * Parses the connection string of a server. In `scheme://user:password@/database`, where the host is a parameter, a URL has
 * no place for user and password: they become the parameters `user` and `password`.
 *
 * Nothing of the string is quoted, not even in a cause: in a malformed one, anything may be a piece of the password.
 *
 * @throws ConnectionStringError
 */
export function parseServerUrl(text: unknown, { schemes, example }: ConnectionStringForm): URL {
  const parts = typeof text === "string" ? /^([a-z]+):\/\/([^/?#]*)(.*)$/is.exec(text) : null;
  const [url = "", scheme = "", authority = "", rest = ""] = parts ?? [];
  // A URL would drop tabs and line breaks without a word.
  if (!schemes.includes(scheme.toLowerCase()) || /[\t\n\r]/.test(url.trim())) {
    throw malformed(example);
  }
  if (/[@#]/.test(rest)) {
    throw new ConnectionStringError(
      "The connection string has a @ or # after its host. In the user name and the password, write / as %2F, ? as %3F " +
        "and # as %23; anywhere else, write @ as %40 and # as %23.",
    );
  }
  if (!isDecodable(url)) {
    throw new ConnectionStringError(
      "The connection string has a % that begins no character in percent-encoding: write % itself as %25.",
    );
  }
  const end = authority.lastIndexOf("@");
  const hosts = authority.slice(end + 1);
  if (hosts.includes(",")) {
    throw severalHosts();
  }
  const isMoved = hosts === "" && end >= 0;
  const parsable = isMoved ? `${scheme}://${rest}` : url;
  if (!URL.canParse(parsable)) {
    throw malformed(example);
  }
  const parsed = new URL(parsable);
  if (isMoved) {
    const [, user = "", password = ""] = /^([^:]*):?(.*)$/s.exec(authority.slice(0, end)) ?? [];
    parsed.searchParams.set("user", decodeURIComponent(user));
    parsed.searchParams.set("password", decodeURIComponent(password));
  }
  if (/,/.test(parsed.searchParams.get("host") ?? "") || parsed.searchParams.getAll("host").length > 1) {
    throw severalHosts();
  }
  return parsed;
}

/** Refuses parameters that nobody understands, and two values for one. */
export function checkParameters(parameters: URLSearchParams, known: readonly string[]): void {
  let isQuotable = true;
  for (const name of parameters.keys()) {
    if (!known.includes(name)) {
      // After a password in the query, this may be the rest of it, behind a & that was not encoded.
      const what = isQuotable && /^[\w.-]{1,64}$/.test(name) ? `The parameter ${JSON.stringify(name)}` : "A parameter";
      throw new ConnectionStringError(
        `${what} of the connection string has no effect here. Remove it, or correct it: ${known.join(", ")}.`,
      );
    }
    if (new Set(parameters.getAll(name)).size > 1) {
      throw new ConnectionStringError(`The connection string has two values for ${name}: leave one.`);
    }
    isQuotable &&= !/^password/i.test(name);
  }
}

/** Takes a parameter out of a connection string; null if it has none. */
export function takeParameter(parameters: URLSearchParams, name: string): string | null {
  const found = parameters.get(name);
  parameters.delete(name);
  return found;
}

/** Looks up one of the words that a parameter may have as its value. The value is not quoted. */
export function wordOf<Meaning>(
  value: string,
  { name, words }: { readonly name: string; readonly words: Readonly<Record<string, Meaning>> },
): Meaning {
  const meaning = Object.hasOwn(words, value) ? words[value] : undefined;
  if (meaning === undefined) {
    throw new ConnectionStringError(
      `The parameter ${name} of the connection string must be one of ${Object.keys(words).join(", ")}.`,
    );
  }
  return meaning;
}

/** The parameters that `takePoolOptions` takes. */
export const poolParameters = ["connection_limit", "connect_timeout"];

/** Takes the parameters of other tools that are options of the store: the size of a pool, and seconds to wait. */
export function takePoolOptions(parameters: URLSearchParams): {
  poolSize: number | undefined;
  connectionTimeout: number | undefined;
} {
  const seconds = takeCount(parameters, "connect_timeout");
  return {
    poolSize: takeCount(parameters, "connection_limit"),
    connectionTimeout: seconds === undefined ? undefined : seconds * 1000,
  };
}

function takeCount(parameters: URLSearchParams, name: string): number | undefined {
  const value = takeParameter(parameters, name);
  if (value === null) {
    return undefined;
  }
  if (!/^[1-9]\d{0,5}$/.test(value)) {
    throw new ConnectionStringError(`The parameter ${name} of the connection string must be a whole number from 1.`);
  }
  return Number(value);
}

/** Reads a file that a parameter names. Neither its path nor the system's error, which quotes it, is repeated. */
export function readParameterFile(path: string, parameter: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new ConnectionStringError(
      `The file that ${parameter} names in the connection string cannot be read (${code}): check its path and its rights.`,
    );
  }
}

/** Refuses settings of TLS with which no connection can be made. A driver may only find out while it connects. */
export function checkSecureContext(options: SecureContextOptions): void {
  try {
    createSecureContext(options);
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new ConnectionStringError(
      `The certificates or the key that the connection string names cannot be used (${code}): they must be PEM, and the key that of the certificate.`,
    );
  }
}

function malformed(example: string): ConnectionStringError {
  return new ConnectionStringError(
    `The connection string is malformed. It looks like ${example}, with special characters in the password percent-encoded.`,
  );
}

function severalHosts(): ConnectionStringError {
  return new ConnectionStringError(
    "The connection string names several hosts. A store connects to one: name the primary, or an address that leads to it.",
  );
}

/** Whether all percent-encoding is that of text, without NUL, which would end a text early in the protocols. */
function isDecodable(url: string): boolean {
  try {
    return !decodeURIComponent(url).includes("\0");
  } catch {
    return false;
  }
}
