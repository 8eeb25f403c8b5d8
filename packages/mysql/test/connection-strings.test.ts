import { readFileSync } from "node:fs";
import { openSessionDb } from "@sessiondb/core";
import { fromUrl, MySqlSessionDb, ownStorageUrl } from "@sessiondb/mysql";
import {
  errorOf,
  expectSecretKept,
  invalid,
  secret,
  testEncoding,
  testRawPasswords,
} from "@sessiondb/testing/connection-strings";
import { createPool } from "mysql2/promise";
import { describe, expect, onTestFinished, test } from "vitest";
import { readMysqlOptions, serverOf } from "../src/mysql-options.ts";
import { connectionOf, parseMysqlUrl, readServer } from "../src/mysql-url.ts";
import { furtherModes, tlsModes } from "./tls-modes.ts";

const doors: Readonly<Record<string, (url: string) => unknown>> = {
  "the constructor": (url) => new MySqlSessionDb({ url }),
  fromUrl,
  openSessionDb: (url) => openSessionDb(url),
};

interface DriverSettings {
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly socketPath?: string;
  readonly ssl:
    | false
    | { readonly rejectUnauthorized: boolean; readonly verifyIdentity?: boolean; readonly ca?: unknown };
}

/** What mysql2 makes of a connection string after this library has read it. */
function driverOf(url: string): DriverSettings {
  const pool = createPool(connectionOf(readServer(parseMysqlUrl(url))));
  onTestFinished(() => pool.end());
  return (pool.pool as unknown as { readonly config: { readonly connectionConfig: DriverSettings } }).config
    .connectionConfig;
}

/** As the consoles, and the pages of the providers, print them, with names made up. */
const consoles = {
  RDS: "mysql://admin:pw@agents.abc123.eu-west-1.rds.amazonaws.com:3306/agents?ssl=Amazon%20RDS",
  "RDS, unencoded": "mysql://admin:pw@agents.abc123.eu-west-1.rds.amazonaws.com:3306/agents?ssl=Amazon RDS",
  Azure:
    "mysql://app@agents:{your_password}@agents.mysql.database.azure.com:3306/agents?ssl-mode=VERIFY_IDENTITY&ssl-ca=/certs/DigiCert.pem",
  "Cloud SQL": "mysql://app:pw@10.1.2.3:3306/agents?sslmode=REQUIRED",
  "Cloud SQL, socket": "mysql://app:pw@localhost/agents?socketPath=/cloudsql/project:region:instance",
  "Cloud SQL, socket of Prisma": "mysql://app:pw@localhost/agents?socket=/cloudsql/project:region:instance",
  "Cloud SQL, socket of SQLAlchemy": "mysql://app:pw@/agents?unix_socket=/cloudsql/project:region:instance",
  Aiven: "mysql://avnadmin:AVNS_aBc-1@mysql-1a2b-agents.a.aivencloud.com:12345/defaultdb?ssl-mode=REQUIRED",
  DigitalOcean:
    "mysql://doadmin:AVNS_x@db-mysql-fra1-1-do-user-1-0.c.db.ondigitalocean.com:25060/defaultdb?ssl-mode=REQUIRED",
  PlanetScale: 'mysql://a1b2:pscale_pw_c@aws.connect.psdb.cloud/agents?ssl={"rejectUnauthorized":true}',
  "PlanetScale for Prisma": "mysql://a1b2:pscale_pw_c@aws.connect.psdb.cloud/agents?sslaccept=strict",
  TiDB: 'mysql://4aBc.root:pw@gateway01.eu-central-1.prod.aws.tidbcloud.com:4000/test?ssl={"minVersion":"TLSv1.2","rejectUnauthorized":true}',
  "TiDB for Prisma": "mysql://4aBc.root:pw@gateway01.eu-central-1.prod.aws.tidbcloud.com:4000/test?sslaccept=strict",
  "TiDB for SQLAlchemy":
    "mysql://4aBc.root:pw@gateway01.eu-central-1.prod.aws.tidbcloud.com:4000/test?ssl_ca=/etc/ssl/cert.pem&ssl_verify_cert=true&ssl_verify_identity=true",
} as const;

describe.each(Object.entries(doors))("a connection string in %s", (_, open) => {
  test.each(Object.entries(consoles))("may be that of %s", async (_name, url) => {
    expect(await errorOf(() => open(url))).toBeUndefined();
    expect(await errorOf(() => open(url.replace("mysql:", "mariadb:")))).toBeUndefined();
  });

  test.each(["sslmod", "useSSL", "requireSSL", "encrypt", "debug", "host", "port", "max", "stream", "authPlugins"])(
    "has no parameter %s, which is refused by name",
    async (name) => {
      expect(await errorOf(() => open(`mysql://h/d?${name}=1`))).toEqual(invalid(new RegExp(`"${name}"`)));
    },
  );

  test.each(["mysql://app:pw@a:3306,b:3306/d", "mysql://app:pw@a,b/d", "mysql://a,b,c/d"])(
    "with several hosts is refused with the reason: %s",
    async (url) => {
      expect(await errorOf(() => open(url))).toEqual(invalid(/several hosts/));
    },
  );

  test.each([
    ["ssl-mode=on", /ssl-mode .* must be one of disabled/],
    ["ssl=", /parameter ssl /],
    ["ssl=Amazon", /parameter ssl /],
    ["ssl={", /not valid JSON/],
    ['ssl={"rejectUnauthorised":true}', /must be an object of rejectUnauthorized \(boolean\)/],
    ['ssl={"rejectUnauthorized":"false"}', /rejectUnauthorized \(boolean\)/],
    ["sslaccept=yes", /sslaccept/],
    ["tls=custom", /tls/],
    ["ssl-mode=DISABLED&ssl=true", /asks for TLS and for a connection without/],
    ["ssl-mode=REQUIRED&sslmode=DISABLED", /two values for sslmode/],
    ["ssl=Amazon%20RDS&ssl-mode=VERIFY_IDENTITY", /stands alone/],
    ["ssl-cert=/a.pem", /both ssl-cert and ssl-key/],
    ["sslcert=/a.pem&sslaccept=strict", /both ssl-cert and ssl-key/],
    ["timezone=Mars", /timezone/],
    ["connectionLimit=3&connectionLimit=4", /two values for connectionLimit/],
    ["connect_timeout=0", /connect_timeout/],
  ])("with %s is refused", async (parameters, message) => {
    expect(await errorOf(() => open(`mysql://app:pw@h/d?${parameters}`))).toEqual(invalid(message));
  });

  test.each(["VERIFY_IDENTITY", "verify-full"])("with an IP address cannot ask for %s", async (mode) => {
    for (const host of ["10.1.2.3", "[fe80::1]"]) {
      const error = await errorOf(() => open(`mysql://app:pw@${host}/d?ssl-mode=${mode}`));
      expect(error).toEqual(invalid(/cannot verify a certificate for an IP address/));
    }
  });

  testEncoding("mysql", open);

  test.each(["ssl-mode", "ssl", "sslaccept", "tls", "ssl_verify_cert", "timezone", "connection_limit"])(
    "does not tell the value of %s",
    async (name) => {
      for (const value of [secret, `{${secret}`, `{"${secret}":1}`]) {
        const error = await errorOf(() => open(`mysql://app:${secret}@h/d?${name}=${value}`));
        expect(expectSecretKept(error)).toBe("INVALID_CONNECTION_STRING");
      }
    },
  );
});

testRawPasswords("mysql", {
  further: (password) => [
    `mysql://app:${password}@db.example.com:3306/agents`,
    `mysql://app:${password}@/agents?socket=/cloudsql/a:b:c`,
    `mysql://app:${password}@db.example.com`,
  ],
  placeOf: (url) => serverOf(readMysqlOptions({ url })),
});

test.each([
  ["a@b", "mysql://app:a@b@h/d"],
  ["a:b:@", "mysql://app:a:b:@@h/d"],
  ["[x]", "mysql://app:[x]@h/d"],
  ["{x}&=+$!", "mysql://app:{x}&=+$!@h/d"],
  ["a b", "mysql://app:a b@h/d"],
  ["/?#%", "mariadb://app:%2F%3F%23%25@h/d"],
  ["é", "mysql://app:é@h/d"],
  ["p@ss", "mysql://app:p%40ss@/d?unix_socket=/cloudsql/a:b:c"],
])("the password %j is read from %s", (password, url) => {
  expect(driverOf(url)).toMatchObject({ user: "app", password, database: "d" });
});

test("a socket is read from each of its names, and named in messages", () => {
  const socketPath = "/cloudsql/project:region:instance";
  for (const [name, url] of Object.entries(consoles).filter(([each]) => each.includes("socket"))) {
    expect({ name, ...driverOf(url) }).toMatchObject({ name, socketPath, user: "app", password: "pw" });
    expect(serverOf(readMysqlOptions({ url }))).toBe(`Database "agents" on ${socketPath}`);
    const own = ownStorageUrl(url, "bot");
    expect(readMysqlOptions({ url: own })).toMatchObject({ database: "agents_bot" });
  }
});

test("connection_limit and connect_timeout are options of the pool, unless the options name others", () => {
  const url = "mysql://h/d?connection_limit=3&connect_timeout=4";
  expect(readMysqlOptions({ url })).toMatchObject({ poolSize: 3, connectionTimeout: 4000 });
  expect(readMysqlOptions({ url, poolSize: 7 })).toMatchObject({ poolSize: 7, connectionTimeout: 4000 });
});

test.each([...tlsModes, ...furtherModes])("$parameters says how to connect", ({ parameters, ...expected }) => {
  const { ssl } = driverOf(`mysql://h/d?${parameters}`);
  const certificate = ssl !== false && ssl.rejectUnauthorized;
  expect({
    encrypted: ssl !== false,
    certificate,
    host: certificate && ssl.verifyIdentity === true,
  }).toEqual(expected);
});

test("ssl-ca asks for a certificate of that authority, and does not weaken what is asked for", () => {
  const read = (parameters: string) => readServer(parseMysqlUrl(`mysql://h/d?${parameters}`)).tls.protection;
  for (const name of ["ssl-ca", "ssl_ca", "sslca", "sslCa"]) {
    expect(read(`${name}=/a.pem`)).toBe("authority");
    expect(read(`${name}=/a.pem&ssl-mode=REQUIRED`)).toBe("authority");
    expect(read(`${name}=/a.pem&ssl-mode=VERIFY_IDENTITY`)).toBe("host");
    expect(read(`${name}=/a.pem&ssl-mode=DISABLED`)).toBe("none");
  }
  expect(read("ssl-cert=/a.pem&ssl-key=/b.pem")).toBe("encrypted");
  expect(read("timezone=Z")).toBe("none");
});

test.each(["ssl-ca=/nope/Zq7.pem", "ssl-cert=/nope/Zq7.pem&ssl-key=/nope/Zq7.pem"])(
  "a file that is not there is an error of the string, which names the parameter: %s",
  async (parameters) => {
    await using db = new MySqlSessionDb({ url: `mysql://h/d?${parameters}` });
    const error = await errorOf(() => db.getSessions());
    expect(error).toEqual(invalid(/^The file that ssl-\w+ names .* cannot be read \(ENOENT\)/));
    expectSecretKept(error, ["Zq7"]);
  },
);

test.each([
  `ssl-ca=${import.meta.filename}&ssl-cert=${import.meta.filename}&ssl-key=${import.meta.filename}`,
  'ssl={"minVersion":"TLSv9"}',
  'ssl={"ca":"none","cert":"none","key":"none"}',
])("certificates that cannot be used are an error of the string: %#", async (parameters) => {
  await using db = new MySqlSessionDb({ url: `mysql://h/d?${parameters}` });
  expect(await errorOf(() => db.getSessions())).toEqual(invalid(/cannot be used/));
});

test("docs/mysql.md has one row for each mode", () => {
  const text = readFileSync(new URL("../../../docs/mysql.md", import.meta.url), "utf8");
  const rows = text.matchAll(/^\| `([^`]+)` +\| (yes|no) +\| (yes|no) +\| (yes|no) +\|$/gm);
  const documented = Array.from(rows, ([, parameters, encrypted, certificate, host]) => ({
    parameters,
    encrypted: encrypted === "yes",
    certificate: certificate === "yes",
    host: host === "yes",
  }));
  expect(documented).toEqual(tlsModes);
});
