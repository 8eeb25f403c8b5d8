import { tlsMode as row, type TlsMode } from "@sessiondb/testing/tls-modes";

/** The modes, in the order of the table in docs/postgres.md. */
export const tlsModes: readonly TlsMode[] = [
  row("sslmode=disable", 0),
  row("sslmode=allow", 3),
  row("sslmode=prefer", 3),
  row("sslmode=require", 3),
  row("sslmode=verify-ca", 2),
  row("sslmode=verify-full", 3),
  row("sslmode=no-verify", 1),
  row("uselibpqcompat=true&sslmode=allow", 1),
  row("uselibpqcompat=true&sslmode=prefer", 1),
  row("uselibpqcompat=true&sslmode=require", 1),
];

/** Further spellings, and what the parameters mean together. */
export const furtherModes: readonly TlsMode[] = [
  row("ssl=true", 3),
  row("ssl=1", 3),
  row("ssl=require", 3),
  row("ssl=false", 0),
  row("ssl=0", 0),
  row("ssl=no-verify", 1),
  row("ssl=true&sslmode=no-verify", 1),
  row("ssl=true&sslmode=verify-ca", 2),
  row("sslnegotiation=direct", 3),
  row("sslnegotiation=direct&sslmode=no-verify", 1),
  row("sslrootcert=system", 3),
  row("uselibpqcompat=true&sslmode=verify-ca", 2),
  row("uselibpqcompat=true&sslmode=verify-full", 3),
  row("uselibpqcompat=true&sslmode=disable", 0),
  row("uselibpqcompat=false&sslmode=require", 3),
];
