import { PostgresSessionDb } from "@sessiondb/postgres";
import { errorOf, expectSecretKept, secret } from "@sessiondb/testing/connection-strings";
import { describe, expect, inject, test } from "vitest";

async function use(url: string): Promise<void> {
  await using db = new PostgresSessionDb({ url, retryTimeout: 0 });
  await db.getSessions();
}

const server = inject("postgres");

/** Every place in which a connection string may hold a password. */
const spellings: readonly ((place: string, database: string) => string)[] = [
  (place, database) => `postgres://postgres:${secret}@${place}/${database}`,
  (place, database) => `postgres://postgres:a:${secret}@@${place}/${database}?application_name=x`,
  (place, database) => `postgres://postgres:%2F%3F%23${secret}@${place}/${database}`,
  (place, database) => `postgres://postgres@${place}/${database}?password=${secret}`,
  (place, database) => `postgres://${place}/${database}?password=a%26${secret}&user=postgres`,
  (place, database) =>
    `postgres://postgres:${secret}@/${database}?host=${new URL(`http://${place}`).hostname}&port=${new URL(`http://${place}`).port}`,
];

describe.each(spellings.map((spell, index) => ({ index, spell })))("the password of form $index", ({ spell }) => {
  test.each(["127.0.0.1:1", "nowhere.invalid:5432"])("is in no error of a server at %s", async (place) => {
    for (const parameters of ["", "sslmode=require", "sslmode=require&channel_binding=require"]) {
      const url = spell(place, "agents");
      const error = await errorOf(() => use(`${url}${url.includes("?") ? "&" : "?"}${parameters}`));
      expect(expectSecretKept(error)).toBe("DATABASE_UNREACHABLE");
    }
  });

  test.skipIf(server === null)("is in no error of a server that has no such database", async () => {
    const error = await errorOf(() => use(spell(new URL(server ?? "").host, "no-such-database")));
    expect(expectSecretKept(error)).toBe("DATABASE_UNREACHABLE");
    expect(error).toMatchObject({ message: expect.stringMatching(/no-such-database does not exist\. Create/) });
  });
});

test.skipIf(server === null)("a search_path without a schema is named", async () => {
  const error = await errorOf(() => use(`${server}?options=-c%20search_path%3Dnope`));
  expect(error).toMatchObject({ code: "INVALID_ARGUMENT", argument: "schema" });
});
