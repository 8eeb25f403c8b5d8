import { MySqlSessionDb } from "@sessiondb/mysql";
import { errorOf, expectSecretKept, secret } from "@sessiondb/testing/connection-strings";
import { describe, expect, test } from "vitest";
import { onEachServer } from "./support.ts";

async function use(url: string): Promise<void> {
  await using db = new MySqlSessionDb({ url, retryTimeout: 0 });
  await db.getSessions();
}

/** Every place in which a connection string may hold a password. */
const spellings: readonly ((place: string, database: string) => string)[] = [
  (place, database) => `mysql://root:${secret}@${place}/${database}?connectTimeout=5000`,
  (place, database) => `mariadb://root:a:${secret}@@${place}/${database}?timezone=Z`,
  (place, database) => `mysql://root:%2F%3F%23${secret}@${place}/${database}?timezone=Z`,
  (place, database) => `mysql://root@${place}/${database}?password=${secret}`,
  (place, database) => `mysql://${place}/${database}?password=a%26${secret}&user=root`,
];

describe.each(spellings.map((spell, index) => ({ index, spell })))("the password of form $index", ({ spell }) => {
  test.each(["127.0.0.1:1", "nowhere.invalid:3306"])("is in no error of a server at %s", async (place) => {
    for (const parameters of ["timezone=Z", "ssl-mode=REQUIRED", "sslaccept=accept_invalid_certs"]) {
      const error = await errorOf(() => use(`${spell(place, "agents")}&${parameters}`));
      expect(expectSecretKept(error)).toBe("DATABASE_UNREACHABLE");
    }
  });

  test("is in no error of a socket that is not there", async () => {
    const error = await errorOf(() => use(`${spell("localhost", "agents")}&socketPath=/nowhere/socket`));
    expect(expectSecretKept(error)).toBe("DATABASE_UNREACHABLE");
    expect(error).toMatchObject({ message: expect.stringContaining("/nowhere/socket") });
  });

  onEachServer(({ url }) => {
    test("is in no error of a server that refuses it", async () => {
      const error = await errorOf(() => use(spell(new URL(url).host, "test")));
      expect(expectSecretKept(error)).toBe("PERMISSION_DENIED");
    });
  });
});

onEachServer(({ url }) => {
  test("a database that does not exist is named", async () => {
    const error = await errorOf(() => use(Object.assign(new URL(url), { pathname: "/nosuch" }).href));
    expect(error).toMatchObject({ message: expect.stringMatching(/^Database "nosuch" on .* does not exist\. Create/) });
  });
});
