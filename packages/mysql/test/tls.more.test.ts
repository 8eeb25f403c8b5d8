import { rmSync } from "node:fs";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { makeCertificates } from "@sessiondb/testing/certificates";
import { errorOf, expectSecretKept, secret } from "@sessiondb/testing/connection-strings";
import { expectTls, type TlsCase } from "@sessiondb/testing/tls-modes";
import { createConnection, type RowDataPacket } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { programOf } from "../../../scripts/servers/mysql-databases.ts";
import { startMysql, type MysqlServer } from "../../../scripts/servers/mysql.ts";
import { connectionOf, parseMysqlUrl, readServer } from "../src/mysql-url.ts";
import { query } from "./support.ts";
import { furtherModes, tlsModes } from "./tls-modes.ts";

const certificates = await makeCertificates();
const authority = `ssl-ca=${encodeURIComponent(certificates.authority)}`;

afterAll(() => rmSync(certificates.directory, { recursive: true, force: true }));

const cases: Readonly<Record<string, TlsCase>> = {
  "the right certificate": { shown: "right", refusal: () => null },
  "one of another authority": {
    shown: "foreign",
    refusal: ({ certificate }) => (certificate ? /authority that is not known here.*ssl-ca.*ssl-mode=REQUIRED/ : null),
  },
  "an expired one": {
    shown: "expired",
    refusal: ({ certificate }) => (certificate ? /has expired.*Renew it.*ssl-mode=REQUIRED/ : null),
  },
  "one of another host": {
    shown: "wrongHost",
    refusal: ({ host }) => (host ? /another host.*ssl-mode=VERIFY_CA/ : null),
  },
  "no TLS": {
    shown: null,
    refusal: ({ encrypted }) => (encrypted ? /does not offer TLS.*ssl-mode=DISABLED/ : null),
  },
};

/** Amazon's authorities are not those of the test. */
const modes = [...tlsModes, ...furtherModes].filter(({ parameters }) => !parameters.includes("Amazon"));

/** The settings of a server that shows a certificate, or has no TLS. */
function settingsOf(flavour: "mysql" | "mariadb", shown: TlsCase["shown"]): Readonly<Record<string, string>> {
  const found = shown === null ? undefined : certificates[shown];
  return found === undefined
    ? flavour === "mysql"
      ? { "tls-version": "" }
      : { ssl: "OFF" }
    : { "ssl-ca": certificates.authority, "ssl-cert": found.certificate, "ssl-key": found.key };
}

/** Whether the server sees a connection as encrypted. */
async function isEncrypted(url: string): Promise<boolean> {
  const connection = await createConnection(connectionOf(readServer(parseMysqlUrl(url))));
  const [rows] = await connection.query<RowDataPacket[]>("show status like 'Ssl_cipher'");
  await connection.end();
  return rows[0]?.["Value"] !== "";
}

async function use(url: string): Promise<void> {
  await using db = new MySqlSessionDb({ url, retryTimeout: 0 });
  await db.getSessions();
}

describe.each(["mysql", "mariadb"] as const)("a %s that shows", { timeout: 60_000 }, (flavour) => {
  let server: MysqlServer | null = null;

  const urlOf = (parameters: string, login = "root"): string =>
    `${flavour}://${login}@localhost:${server?.port}/test?${parameters}`;

  beforeAll(async () => {
    const program = await programOf(flavour);
    server = program === null ? null : await startMysql({ program });
  }, 60_000);

  afterAll(() => server?.stop(), 60_000);

  describe.each(Object.entries(cases))("%s", (_, { shown, refusal }) => {
    beforeAll(async () => {
      await server?.kill();
      await server?.restart(settingsOf(flavour, shown));
    }, 60_000);

    test.each(modes)("with $parameters", async (mode) => {
      if (server === null) {
        return;
      }
      // With a file, REQUIRED would verify.
      const url = urlOf(mode.certificate ? `${mode.parameters}&${authority}` : mode.parameters);
      await expectTls(mode, { refusal, use: () => use(url), isEncrypted: () => isEncrypted(url) });
    });
  });

  describe("the right certificate, to a program that", () => {
    beforeAll(async () => {
      await server?.kill();
      await server?.restart(settingsOf(flavour, "right"));
      if (server !== null) {
        await query(server.url, `create user app@'%' identified by '${secret}'`);
        await query(server.url, "grant all on test.* to app@'%'");
        await query(server.url, "alter user app@'%' require x509");
      }
    }, 60_000);

    test("has no file of the authority, is told of it", async () => {
      if (server === null) {
        return;
      }
      const error = await errorOf(() => use(urlOf("ssl-mode=VERIFY_CA")));
      expect(error).toMatchObject({ message: expect.stringMatching(/authority that is not known.*ssl-ca/) });
    });

    test("names a file of the authority, has REQUIRED verified by it", async () => {
      if (server === null) {
        return;
      }
      expect(await isEncrypted(urlOf(`ssl-mode=REQUIRED&${authority}`))).toBe(true);
      const other = `ssl-ca=${encodeURIComponent(certificates.foreign.certificate)}`;
      const error = await errorOf(() => use(urlOf(`ssl-mode=REQUIRED&${other}`)));
      expect(error).toMatchObject({ message: expect.stringMatching(/authority that is not known/) });
    });

    test("shows a certificate of its own, is let in by it", async () => {
      if (server === null) {
        return;
      }
      const { certificate, key } = certificates.client;
      const own = `ssl-cert=${encodeURIComponent(certificate)}&ssl-key=${encodeURIComponent(key)}`;
      await use(urlOf(`${own}&${authority}`, `app:${secret}`));
      const error = await errorOf(() => use(urlOf(authority, `app:${secret}`)));
      expect(expectSecretKept(error)).toBe("PERMISSION_DENIED");
    });
  });
});
