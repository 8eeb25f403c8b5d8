import { certificateProblem, type CertificateProblem } from "@sessiondb/drizzle";

const unverified = "ssl-mode=REQUIRED without ssl-ca encrypts without verifying";

/** What is wrong with a certificate, and what to set. */
const certificateAdvice: Readonly<Record<CertificateProblem, string>> = {
  authority:
    "shows a certificate of an authority that is not known here. Name the authority's file with ssl-ca; " +
    `${unverified}.`,
  expired: `shows a certificate that has expired or is not valid yet. Renew it; ${unverified}.`,
  host:
    "shows a certificate of another host. Connect by a name that is in the certificate; ssl-mode=VERIFY_CA verifies all " +
    `but the name, and ${unverified}.`,
};

/** Returns why mysql2 made no TLS connection, as the rest of a sentence about the server; null for another error. */
export function tlsRefusal(cause: unknown): string | null {
  if (!(cause instanceof Error) || !("code" in cause)) {
    return null;
  }
  if (cause.code === "HANDSHAKE_NO_SSL_SUPPORT") {
    return "does not offer TLS, and the connection asks for it. Turn it on in the server, or connect in plain text with ssl-mode=DISABLED.";
  }
  if (cause.code !== "HANDSHAKE_SSL_ERROR") {
    return null;
  }
  const problem = certificateProblem(cause);
  return problem === null
    ? `cannot be reached by TLS (${cause.code}): check its versions of TLS, and the files of ssl-cert and ssl-key.`
    : certificateAdvice[problem];
}
