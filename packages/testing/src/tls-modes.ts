import { expect } from "vitest";
import type { Certificates } from "./certificates.ts";
import { errorOf } from "./connection-strings.ts";

/** What a connection has by these parameters: whether it is encrypted, and whether certificate and host are verified. */
export interface TlsMode {
  /** Of the query; without the file of the authority, which a test adds. */
  readonly parameters: string;
  readonly encrypted: boolean;
  readonly certificate: boolean;
  readonly host: boolean;
}

/** Makes a mode of its parameters and the number of properties that it has, of those in their order above. */
export function tlsMode(parameters: string, depth: 0 | 1 | 2 | 3): TlsMode {
  return { parameters, encrypted: depth > 0, certificate: depth > 1, host: depth > 2 };
}

/** A server's certificate, and what a connection that looks at it hears. */
export interface TlsCase {
  /** Null for a server without TLS. */
  readonly shown: Exclude<keyof Certificates, "directory" | "authority" | "client"> | null;
  /** The refusal of a mode; null where it connects. */
  readonly refusal: (mode: TlsMode) => RegExp | null;
}

/** Expects that a connection in a mode is refused as the case says, or encrypted as the mode says. */
export async function expectTls(
  mode: TlsMode,
  {
    refusal,
    use,
    isEncrypted,
  }: Pick<TlsCase, "refusal"> & {
    readonly use: () => Promise<void>;
    /** Whether the server sees the connection as encrypted. */
    readonly isEncrypted: () => Promise<boolean>;
  },
): Promise<void> {
  const refused = refusal(mode);
  const found = (await errorOf(use)) as { code: string; message: string } | undefined;
  expect(found?.code).toBe(refused === null ? undefined : "DATABASE_UNREACHABLE");
  expect(found?.message ?? "").toMatch(refused ?? /^$/);
  const encrypted = refused === null ? await isEncrypted() : mode.encrypted;
  expect(encrypted).toBe(mode.encrypted);
}
