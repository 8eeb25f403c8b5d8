/** Why a server's certificate was not accepted. */
export type CertificateProblem = "authority" | "expired" | "host";

// By Node's code, and by its words: mysql2 puts a code of its own in place of Node's.
const problems: readonly { readonly problem: CertificateProblem; readonly says: RegExp }[] = [
  { problem: "host", says: /ALTNAME_INVALID|does not match certificate's altnames/ },
  { problem: "expired", says: /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|certificate (?:has expired|is not yet valid)/ },
  {
    problem: "authority",
    says: new RegExp(
      "SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA|" +
        "self-signed certificate|unable to (?:verify|get)|certificate (?:not trusted|signature failure)|invalid CA",
    ),
  },
];

/** Returns why a server's certificate was not accepted, null for an error of another kind. */
export function certificateProblem(error: unknown): CertificateProblem | null {
  if (!(error instanceof Error)) {
    return null;
  }
  const { code = "" } = error as { readonly code?: unknown };
  const text = `${String(code)} ${error.message}`;
  return problems.find(({ says }) => says.test(text))?.problem ?? null;
}
