import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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

const loopback = "DNS:localhost,IP:127.0.0.1";

/** Makes certificates with `openssl`; null where it is not installed. */
export function makeCertificates(): Certificates | null {
  if (spawnSync("openssl", ["version"]).status !== 0) {
    return null;
  }
  const directory = mkdtempSync(join(tmpdir(), "sessiondb-certificates-"));
  const own = makeAuthority(directory, "own");
  const other = makeAuthority(directory, "other");
  const issue = (name: string, by: Certificate, { names = loopback, days = "2" } = {}): Certificate =>
    makeCertificate({ directory, name, by, names, days });
  return {
    directory,
    authority: own.certificate,
    right: issue("right", own),
    foreign: issue("foreign", other),
    expired: issue("expired", own, { days: "-1" }),
    wrongHost: issue("wrong-host", own, { names: "DNS:db.example.com" }),
    client: issue("app", own),
  };
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

function makeAuthority(directory: string, name: string): Certificate {
  const [certificate, key] = [join(directory, `${name}-authority.pem`), join(directory, `${name}-authority.key`)];
  const subject = ["-subj", `/CN=${name} authority`];
  openssl("req", "-x509", ...newKey, "-keyout", key, "-out", certificate, "-days", "2", ...subject);
  return { certificate, key };
}

interface CertificateRequest {
  readonly directory: string;
  readonly name: string;
  readonly by: Certificate;
  readonly names: string;
  readonly days: string;
}

function makeCertificate({ directory, name, by, names, days }: CertificateRequest): Certificate {
  const [certificate, key] = [join(directory, `${name}.pem`), join(directory, `${name}.key`)];
  const [request, extensions] = [join(directory, `${name}.csr`), join(directory, `${name}.cnf`)];
  writeFileSync(extensions, `subjectAltName=${names}\n`);
  openssl("req", ...newKey, "-keyout", key, "-out", request, "-subj", `/CN=${name}`);
  const issuer = ["-CA", by.certificate, "-CAkey", by.key, "-CAcreateserial"];
  openssl("x509", "-req", "-in", request, ...issuer, "-days", days, "-extfile", extensions, "-out", certificate);
  return { certificate, key };
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`openssl ${args[0]} ended with ${status}: ${stderr.slice(-500)}`);
  }
}
