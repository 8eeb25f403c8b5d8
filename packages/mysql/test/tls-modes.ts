import { tlsMode as row, type TlsMode } from "@sessiondb/testing/tls-modes";

/** The modes, in the order of the table in docs/mysql.md. */
export const tlsModes: readonly TlsMode[] = [
  row("ssl-mode=DISABLED", 0),
  row("ssl-mode=PREFERRED", 1),
  row("ssl-mode=REQUIRED", 1),
  row("ssl-mode=VERIFY_CA", 2),
  row("ssl-mode=VERIFY_IDENTITY", 3),
  row("ssl=true", 3),
  row("ssl=false", 0),
  row('ssl={"rejectUnauthorized":true}', 2),
  row('ssl={"rejectUnauthorized":false}', 1),
  row("ssl=Amazon%20RDS", 2),
  row("sslaccept=strict", 3),
  row("sslaccept=accept_invalid_certs", 1),
  row("tls=true", 3),
  row("tls=skip-verify", 1),
];

/** Further spellings, and what the parameters mean together. */
export const furtherModes: readonly TlsMode[] = [
  ...["ssl-mode", "ssl_mode", "sslmode", "sslMode"].flatMap((name) => [
    row(`${name}=DISABLED`, 0),
    row(`${name}=disable`, 0),
    row(`${name}=preferred`, 1),
    row(`${name}=prefer`, 1),
    row(`${name}=allow`, 1),
    row(`${name}=Required`, 1),
    row(`${name}=require`, 1),
    row(`${name}=verify-ca`, 2),
    row(`${name}=verify_identity`, 3),
    row(`${name}=verify-full`, 3),
  ]),
  row("ssl=1", 3),
  row("ssl=0", 0),
  row("ssl=REQUIRED", 1),
  row("ssl={}", 2),
  row('ssl={"verifyIdentity":true,"minVersion":"TLSv1.2"}', 3),
  row('ssl={"rejectUnauthorized":true}&ssl-mode=VERIFY_IDENTITY', 3),
  row("tls=preferred", 1),
  row("tls=false", 0),
  row("ssl_verify_cert=true", 2),
  row("ssl_verify_cert=true&ssl_verify_identity=true", 3),
  row("ssl-mode=REQUIRED&sslaccept=strict", 3),
];
