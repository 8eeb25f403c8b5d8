import { cpSync, chmodSync, chownSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { makeCertificates } from "@sessiondb/testing/certificates";
import { errorOf, expectSecretKept, secret } from "@sessiondb/testing/connection-strings";
import { expectTls, type TlsCase } from "@sessiondb/testing/tls-modes";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  embeddedPostgres,
  installedPostgres,
  startPostgres,
  type PostgresServer,
} from "../../../scripts/servers/postgres.ts";
import { connectionOf, parsePostgresUrl, readServer } from "../src/postgres-url.ts";
import { furtherModes, tlsModes } from "./tls-modes.ts";

const binaries = installedPostgres() ?? embeddedPostgres();
const certificates = await makeCertificates();
const authority = `sslrootcert=${encodeURIComponent(certificates.authority)}`;

const cases: Readonly<Record<string, TlsCase>> = {
  "the right certificate": { shown: "right", refusal: () => null },
  "one of another authority": {
    shown: "foreign",
    refusal: ({ certificate }) => (certificate ? /authority that is not known here.*sslrootcert.*no-verify/ : null),
  },
  "an expired one": {
    shown: "expired",
    refusal: ({ certificate }) =>
      certificate ? /has expired.*Renew it.*sslmode=no-verify.*uselibpqcompat=true/ : null,
  },
  "one of another host": {
    shown: "wrongHost",
    refusal: ({ host }) => (host ? /another host.*sslmode=verify-ca/ : null),
  },
  "no TLS": {
    shown: null,
    refusal: ({ encrypted }) => (encrypted ? /does not offer TLS.*sslmode=disable/ : null),
  },
};

/** A direct connection begins in a way that only Postgres 17 and later understand. */
const modes = [...tlsModes, ...furtherModes].filter(({ parameters }) => !/direct|system/.test(parameters));

let server: PostgresServer;
let base: URL;

/** Starts the server again with a certificate, or without TLS. */
async function show(shown: TlsCase["shown"]): Promise<void> {
  const found = shown === null ? null : certificates[shown];
  await server.kill();
  if (found === null || found === undefined) {
    await server.restart();
    return;
  }
  const { uid, gid } = statSync(server.data);
  const files = { ssl_cert_file: found.certificate, ssl_key_file: found.key };
  for (const [name, file] of Object.entries(files)) {
    const copy = join(server.data, name);
    cpSync(file, copy);
    chmodSync(copy, 0o600);
    chownSync(copy, uid, gid);
  }
  await server.restart({ ssl: "on", ssl_cert_file: "ssl_cert_file", ssl_key_file: "ssl_key_file" });
}

const urlOf = (parameters: string, login = "postgres"): string =>
  `postgres://${login}@localhost:${base.port}/postgres?${parameters}`;

/** Whether the server sees a connection as encrypted. */
async function isEncrypted(url: string): Promise<boolean> {
  const client = new pg.Client(connectionOf(readServer(parsePostgresUrl(url))));
  await client.connect();
  const { rows } = await client.query<{ ssl: boolean }>("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
  await client.end();
  return rows[0]?.ssl ?? false;
}

async function use(url: string): Promise<void> {
  await using db = new PostgresSessionDb({ url, retryTimeout: 0 });
  await db.getSessions();
}

describe.skipIf(binaries === null)("a server that shows", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    server = await startPostgres({ binaries: binaries ?? "" });
    base = new URL(server.url);
  }, 60_000);

  afterAll(async () => {
    await server.stop();
    rmSync(certificates.directory, { recursive: true, force: true });
  }, 60_000);

  describe.each(Object.entries(cases))("%s", (_, { shown, refusal }) => {
    beforeAll(() => show(shown), 60_000);

    test.each(modes)("with $parameters", async (mode) => {
      // With a file, require of libpq would verify.
      const url = urlOf(mode.certificate ? `${mode.parameters}&${authority}` : mode.parameters);
      await expectTls(mode, { refusal, use: () => use(url), isEncrypted: () => isEncrypted(url) });
    });
  });

  describe("the right certificate, to a program that", () => {
    beforeAll(async () => {
      const hba = ["scram", "md5", "password"].map((name) => {
        const method = name === "scram" ? "scram-sha-256" : name;
        return `host all ${name} all ${method}`;
      });
      writeFileSync(join(server.data, "pg_hba.conf"), [...hba, "host all all all trust", ""].join("\n"));
      await show("right");
      const admin = new pg.Client(server.url);
      await admin.connect();
      await admin.query("set password_encryption = 'scram-sha-256'");
      await admin.query(`create role scram login superuser password '${secret}'`);
      await admin.query(`create role password login superuser password '${secret}'`);
      await admin.query("set password_encryption = 'md5'");
      await admin.query(`create role md5 login superuser password '${secret}'`);
      await admin.end();
    }, 60_000);

    test("has no file of the authority, is told of it", async () => {
      const error = await errorOf(() => use(urlOf("sslmode=require")));
      expect(error).toMatchObject({ message: expect.stringMatching(/authority that is not known.*sslrootcert/) });
    });

    test("names an address, finds it in the certificate", async () => {
      const url = `postgres://postgres@127.0.0.1:${base.port}/postgres?sslmode=verify-full&${authority}`;
      expect(await isEncrypted(url)).toBe(true);
    });

    test("requires channel binding, gets it with a password by SCRAM alone", async () => {
      const parameters = `sslmode=verify-full&${authority}&channel_binding=require`;
      await use(urlOf(parameters, `scram:${secret}`));
      for (const login of ["postgres", `md5:${secret}`, `password:${secret}`]) {
        const error = await errorOf(() => use(urlOf(parameters, login)));
        expectSecretKept(error);
        expect(error).toMatchObject({
          code: "DATABASE_UNREACHABLE",
          message: expect.stringMatching(/does not bind the login.*channel_binding=require/),
        });
      }
      for (const login of ["postgres", `scram:${secret}`, `md5:${secret}`, `password:${secret}`]) {
        await use(urlOf(`sslmode=verify-full&${authority}&channel_binding=prefer`, login));
      }
    });

    test("has no password, or a wrong one, is told so", async () => {
      const none = await errorOf(() => use(urlOf("sslmode=disable", "scram")));
      expect(none).toMatchObject({ code: "PERMISSION_DENIED", message: expect.stringMatching(/asks for a password/) });
      const wrong = await errorOf(() => use(urlOf("sslmode=disable", `scram:wrong${secret}`)));
      expect(expectSecretKept(wrong)).toBe("PERMISSION_DENIED");
    });
  });
});
