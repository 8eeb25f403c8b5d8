import { certificateProblem, type CertificateProblem } from "@sessiondb/drizzle";
import { UnboundLoginError } from "./bound-client.ts";

const unverified = "sslmode=no-verify, or uselibpqcompat=true with sslmode=require, encrypts without verifying";

/** What is wrong with a certificate, and what to set. */
const certificateAdvice: Readonly<Record<CertificateProblem, string>> = {
  authority:
    "shows a certificate of an authority that is not known here. Name the authority's file with sslrootcert; " +
    `${unverified}.`,
  expired: `shows a certificate that has expired or is not valid yet. Renew it; ${unverified}.`,
  host:
    "shows a certificate of another host. Connect by a name that is in the certificate; sslmode=verify-ca verifies all " +
    `but the name, and ${unverified}.`,
};

/** Returns why pg made no TLS connection, as the rest of a sentence about the server; null for another error. */
export function tlsRefusal(cause: unknown): string | null {
  if (!(cause instanceof Error)) {
    return null;
  }
  const problem = certificateProblem(cause);
  if (problem !== null) {
    return certificateAdvice[problem];
  }
  if (cause instanceof UnboundLoginError) {
    return "does not bind the login to the connection, as channel_binding=require demands. Leave that out to log in without.";
  }
  if (cause.message === "The server does not support SSL connections") {
    return "does not offer TLS, and the connection asks for it. Turn it on in the server, or connect in plain text with sslmode=disable.";
  }
  const code = "code" in cause ? String(cause.code) : "";
  return /^(?:ERR_(?:SSL|TLS|OSSL)|EPROTO)/.test(code) || cause.message.includes("establishing an SSL connection")
    ? `cannot be reached by TLS${code === "" ? "" : ` (${code})`}: check its versions of TLS, and the files of sslcert and sslkey.`
    : null;
}
