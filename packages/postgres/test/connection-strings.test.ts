import type { ConnectionOptions } from "node:tls";
import { readFileSync } from "node:fs";
import { openSessionDb } from "@sessiondb/core";
import { fromUrl, ownStorageUrl, PostgresSessionDb } from "@sessiondb/postgres";
import {
  errorOf,
  expectSecretKept,
  invalid,
  secret,
  testEncoding,
  testRawPasswords,
} from "@sessiondb/testing/connection-strings";
import pg from "pg";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { BoundClient } from "../src/bound-client.ts";
import { placeOf, readPostgresOptions } from "../src/postgres-options.ts";
import { connectionOf, parsePostgresUrl, readServer } from "../src/postgres-url.ts";
import { furtherModes, tlsModes } from "./tls-modes.ts";

const doors: Readonly<Record<string, (url: string) => unknown>> = {
  "the constructor": (url) => new PostgresSessionDb({ url }),
  fromUrl,
  openSessionDb: (url) => openSessionDb(url),
};

/** What pg makes of a connection string after this library has read it. */
function driverOf(url: string): pg.Client & { readonly ssl: unknown } {
  const { Client = pg.Client, ...config } = connectionOf(readServer(parsePostgresUrl(url)));
  return new (Client as typeof pg.Client)(config);
}

/** As the consoles print them, with names made up. */
const consoles = {
  Neon: "postgresql://neondb_owner:npg_aB3dE5@ep-cool-fog-a1b2c3.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
  "Neon, pooled":
    "postgresql://neondb_owner:npg_aB3dE5@ep-cool-fog-a1b2c3-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
  "Neon for Prisma": "postgresql://o:npg_a@ep-x.aws.neon.tech/neondb?sslmode=require&connect_timeout=15",
  Supabase: "postgresql://postgres:[YOUR-PASSWORD]@db.abcdefghij.supabase.co:5432/postgres",
  "Supabase, pooled":
    "postgresql://postgres.abcdefghij:pw@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?pgbouncer=true",
  "Supabase for Prisma":
    "postgresql://postgres.abc:pw@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?pgbouncer=true&connection_limit=1",
  "Supabase in Vercel":
    "postgres://postgres.abc:pw@aws-0-us-east-1.pooler.supabase.com:6543/postgres?sslmode=require&supa=base-pooler.x",
  RDS: "postgres://app:pw@agents.abc123.eu-west-1.rds.amazonaws.com:5432/agents?sslmode=verify-full&sslrootcert=/certs/global-bundle.pem",
  Azure: "postgresql://app@agents:{your_password}@agents.postgres.database.azure.com:5432/agents?sslmode=require",
  "Cloud SQL": "postgresql://app:pw@10.1.2.3:5432/agents?sslmode=require",
  "Cloud SQL, socket": "postgresql://app:pw@/agents?host=/cloudsql/project:region:instance",
  "Cloud SQL, socket as host": "postgresql://app:pw@%2Fcloudsql%2Fproject%3Aregion%3Ainstance/agents",
  Aiven: "postgres://avnadmin:AVNS_aBc-1@pg-1a2b-agents.a.aivencloud.com:12345/defaultdb?sslmode=require",
  DigitalOcean:
    "postgresql://doadmin:AVNS_x@db-postgresql-fra1-1-do-user-1-0.c.db.ondigitalocean.com:25060/defaultdb?sslmode=require",
  PlanetScale:
    "postgresql://pscale_api_a.b:pscale_pw_c@eu-central-1.pg.psdb.cloud:5432/postgres?sslmode=verify-full&sslrootcert=system",
} as const;

describe.each(Object.entries(doors))("a connection string in %s", (_, open) => {
  test.each(Object.entries(consoles))("may be that of %s", async (_name, url) => {
    expect(await errorOf(() => open(url))).toBeUndefined();
  });

  test.each(["sslmod", "ssl_mode", "keepalives", "target_session_attrs", "max", "binary", "replication", "debug"])(
    "has no parameter %s, which is refused by name",
    async (name) => {
      expect(await errorOf(() => open(`postgres://h/d?${name}=1`))).toEqual(invalid(new RegExp(`"${name}"`)));
    },
  );

  test.each([
    "postgres://app:pw@a:5432,b:5432/d",
    "postgres://app:pw@a,b/d",
    "postgres://a,b,c/d",
    "postgres://app:pw@/d?host=a,b",
    "postgres:///d?host=a&host=b",
  ])("with several hosts is refused with the reason: %s", async (url) => {
    expect(await errorOf(() => open(url))).toEqual(invalid(/several hosts/));
  });

  test.each([
    ["sslmode=on", /sslmode .* must be one of disable, allow/],
    ["sslmode=REQUIRE", /sslmode/],
    ["ssl=", /parameter ssl /],
    ["uselibpqcompat=1", /uselibpqcompat/],
    ["channel_binding=yes", /channel_binding .* must be one of/],
    ["channel_binding=require", /needs encryption: add sslmode=verify-full/],
    ["channel_binding=require&sslmode=disable", /needs encryption/],
    ["ssl=true&sslmode=disable", /contradict/],
    ["ssl=false&sslmode=require", /contradict/],
    ["sslnegotiation=direct&sslmode=disable", /contradict/],
    ["statement_timeout=5s", /statement_timeout .* number of milliseconds/],
    ["lock_timeout=1min", /lock_timeout .* number of milliseconds/],
    ["query_timeout=abc", /query_timeout .* number of milliseconds/],
    ["sslnegotiation=later", /sslnegotiation .* must be one of/],
    ["sslmode=require&sslmode=disable", /two values for sslmode/],
    ["sslcert=/a.pem", /both sslcert and sslkey/],
    ["port=54x", /port/],
    ["connect_timeout=0", /connect_timeout/],
    ["connection_limit=many", /connection_limit/],
  ])("with %s is refused", async (parameters, message) => {
    expect(await errorOf(() => open(`postgres://app:pw@h/d?${parameters}`))).toEqual(invalid(message));
  });

  test.each(["postgres://app:p\tw@h/d", "postgres://app:p\nw@h/d", "postgres:h/d", " postgres://h/d"])(
    "that a URL would change is refused: %j",
    async (url) => {
      expect(await errorOf(() => open(url))).toMatchObject({ code: "INVALID_CONNECTION_STRING" });
    },
  );

  testEncoding("postgres", open);

  const places = ["sslmode", "ssl", "uselibpqcompat", "channel_binding", "port", "connect_timeout", "sslnegotiation"];
  test.each(places)("does not tell the value of %s", async (name) => {
    expect(expectSecretKept(await errorOf(() => open(`postgres://app:${secret}@h/d?${name}=${secret}`)))).toBe(
      "INVALID_CONNECTION_STRING",
    );
  });
});

testRawPasswords("postgres", {
  further: (password) => [
    `postgres://app:${password}@db.example.com:5432/agents`,
    `postgres://app:${password}@/agents?host=/tmp`,
  ],
  placeOf: (url) => placeOf(readPostgresOptions({ url })),
});

test.each([
  ["a@b", "postgres://app:a@b@h/d"],
  ["a:b:@", "postgres://app:a:b:@@h/d"],
  ["[x]", "postgres://app:[x]@h/d"],
  ["{x}&=+$!", "postgres://app:{x}&=+$!@h/d"],
  ["a b", "postgres://app:a b@h/d?options=-c x.y=1"],
  ["/?#%", "postgres://app:%2F%3F%23%25@h/d"],
  ["é", "postgres://app:é@h/d"],
  ["p@ss", "postgres://app:p%40ss@/d?host=/cloudsql/a:b:c"],
])("the password %j is read from %s", (password, url) => {
  expect(driverOf(url)).toMatchObject({ user: "app", password, database: "d" });
});

test("a socket is read from the host and from the parameter", () => {
  const host = "/cloudsql/project:region:instance";
  for (const name of ["Cloud SQL, socket", "Cloud SQL, socket as host"] as const) {
    expect(driverOf(consoles[name])).toMatchObject({ host, user: "app", password: "pw", database: "agents" });
  }
  const own = ownStorageUrl(consoles["Cloud SQL, socket"], "bot");
  expect(readPostgresOptions({ url: own }).schema).toBe("bot");
  expect(driverOf(own.replace("&schema=bot", ""))).toMatchObject({ host, user: "app", password: "pw" });
});

test("channel binding is prepared, and required where the string requires it", () => {
  const driver = (value: string) => driverOf(`postgres://h/d?sslmode=require&channel_binding=${value}`);
  expect(driver("disable")).toMatchObject({ enableChannelBinding: false });
  expect(driver("prefer")).toMatchObject({ enableChannelBinding: true });
  expect(driver("prefer")).not.toBeInstanceOf(BoundClient);
  expect(driver("require")).toMatchObject({ enableChannelBinding: true });
  expect(driver("require")).toBeInstanceOf(BoundClient);
});

test("connection_limit and connect_timeout are options of the pool, unless the options name others", () => {
  const url = "postgres://h/d?connection_limit=3&connect_timeout=4";
  expect(readPostgresOptions({ url })).toMatchObject({ poolSize: 3, connectionTimeout: 4000 });
  expect(readPostgresOptions({ url, poolSize: 7 })).toMatchObject({ poolSize: 7, connectionTimeout: 4000 });
});

test.each([...tlsModes, ...furtherModes])("$parameters says how to connect", ({ parameters, ...expected }) => {
  const ssl: unknown = driverOf(`postgres://h/d?${parameters}`).ssl;
  const { rejectUnauthorized, checkServerIdentity } = ssl as Partial<ConnectionOptions>;
  const encrypted = ssl !== false;
  const certificate = encrypted && rejectUnauthorized !== false;
  expect({ encrypted, certificate, host: certificate && checkServerIdentity === undefined }).toEqual(expected);
});

test("pg warns of no mode", () => {
  const warn = vi.spyOn(process, "emitWarning");
  onTestFinished(() => warn.mockRestore());
  for (const { parameters } of [...tlsModes, ...furtherModes]) {
    driverOf(`postgres://h/d?${parameters}`);
  }
  expect(warn).not.toHaveBeenCalled();
});

test("sslrootcert, or a client's certificate, asks for TLS by itself", () => {
  const read = (parameters: string) => readServer(parsePostgresUrl(`postgres://h/d?${parameters}`)).protection;
  expect(read("sslrootcert=/a.pem")).toBe("host");
  expect(read("sslcert=/a.pem&sslkey=/b.pem")).toBe("host");
  expect(read("uselibpqcompat=true&sslmode=require&sslrootcert=/a.pem")).toBe("authority");
  expect(read("application_name=a")).toBeUndefined();
});

test.each(["sslrootcert=/nope/Zq7.pem", "sslcert=/nope/Zq7.pem&sslkey=/nope/Zq7.pem"])(
  "a file that is not there is an error of the string, which names the parameter: %s",
  async (parameters) => {
    await using db = new PostgresSessionDb({ url: `postgres://h/d?sslmode=verify-full&${parameters}` });
    const error = await errorOf(() => db.getSessions());
    expect(error).toEqual(invalid(/^The file that ssl\w+ names .* cannot be read \(ENOENT\)/));
    expectSecretKept(error, ["Zq7"]);
  },
);

test("a file that is no certificate is an error of the string", async () => {
  const file = encodeURIComponent(import.meta.filename);
  await using db = new PostgresSessionDb({ url: `postgres://h/d?sslcert=${file}&sslkey=${file}` });
  expect(await errorOf(() => db.getSessions())).toEqual(invalid(/they must be PEM/));
});

test("docs/postgres.md has one row for each mode", () => {
  const text = readFileSync(new URL("../../../docs/postgres.md", import.meta.url), "utf8");
  const rows = text.matchAll(/^\| `([^`]+)` +\| (yes|no) +\| (yes|no) +\| (yes|no) +\|$/gm);
  const documented = Array.from(rows, ([, parameters, encrypted, certificate, host]) => ({
    parameters,
    encrypted: encrypted === "yes",
    certificate: certificate === "yes",
    host: host === "yes",
  }));
  expect(documented).toEqual(tlsModes);
});
