// What the library of certificates needs first.
import "reflect-metadata";
import { KeyObject, type webcrypto } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type JsonGeneralName,
  type X509Certificate,
} from "@peculiar/x509";

/** The files of a certificate and its key. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Certificates for servers on the loopback, and the authorities behind them. */
export interface Certificates {
  /** Holds all files; for the test to remove. */
  readonly directory: string;
  /** The authority's certificate. */
  readonly authority: string;
  readonly right: Certificate;
  /** Of another authority. */
  readonly foreign: Certificate;
  readonly expired: Certificate;
  readonly wrongHost: Certificate;
  /** For a client, named `app`. */
  readonly client: Certificate;
}

const day = 86_400_000;
const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const loopback: readonly JsonGeneralName[] = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
];

/** Makes certificates in a new folder. */
export async function makeCertificates(): Promise<Certificates> {
  const directory = mkdtempSync(join(tmpdir(), "sessiondb-certificates-"));
  const [own, other] = await Promise.all([makeAuthority("own"), makeAuthority("other")]);
  const issue = async (
    name: string,
    by: Authority,
    { names = loopback, lasts = 2 * day }: { names?: readonly JsonGeneralName[]; lasts?: number } = {},
  ): Promise<Certificate> => {
    const keys = await newKeys();
    const certificate = await X509CertificateGenerator.create({
      subject: `CN=${name}`,
      issuer: by.certificate.subject,
      notBefore: new Date(Date.now() - 2 * day),
      notAfter: new Date(Date.now() + lasts),
      signingAlgorithm,
      publicKey: keys.publicKey,
      signingKey: by.keys.privateKey,
      extensions: [new SubjectAlternativeNameExtension([...names])],
    });
    const files = { certificate: join(directory, `${name}.pem`), key: join(directory, `${name}.key`) };
    writeFileSync(files.certificate, certificate.toString("pem"));
    const key = KeyObject.from(keys.privateKey).export({ type: "pkcs8", format: "pem" });
    writeFileSync(files.key, key, { mode: 0o600 });
    return files;
  };
  const authority = join(directory, "authority.pem");
  writeFileSync(authority, own.certificate.toString("pem"));
  return {
    directory,
    authority,
    right: await issue("right", own),
    foreign: await issue("foreign", other),
    expired: await issue("expired", own, { lasts: -day }),
    wrongHost: await issue("wrong-host", own, { names: [{ type: "dns", value: "db.example.com" }] }),
    client: await issue("app", own),
  };
}

interface Authority {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

async function makeAuthority(name: string): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name} authority`,
    notBefore: new Date(Date.now() - 2 * day),
    notAfter: new Date(Date.now() + 2 * day),
    signingAlgorithm,
    keys,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  return { certificate, keys };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
}
