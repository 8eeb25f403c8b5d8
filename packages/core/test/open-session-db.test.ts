import { InMemorySessionDb, openSessionDb, type OpenSessionDbOptions, type SessionDbAdapter } from "@sessiondb/core";
import { describe, expect, test } from "vitest";

// That the adapters' packages are found is tested with the packages, and in bundles by scripts/test-bundles.mjs.

/** An adapter that notes what it is asked for. */
function adapter(): SessionDbAdapter & { urls: string[] } {
  const urls: string[] = [];
  return {
    urls,
    fromUrl(url) {
      urls.push(url);
      return new InMemorySessionDb();
    },
  };
}

const invalid = (argument: string, message: RegExp | string = "") =>
  expect.objectContaining({ code: "INVALID_ARGUMENT", argument, message: expect.stringMatching(message) });

describe("adapters", () => {
  test.each([
    ["an adapter", (redis: SessionDbAdapter) => redis],
    ["a function that returns one", (redis: SessionDbAdapter) => () => redis],
    ["a function that promises one", (redis: SessionDbAdapter) => () => Promise.resolve(redis)],
    ["a function with fromUrl", (redis: SessionDbAdapter) => Object.assign(() => redis, redis)],
  ])("may be %s", async (_, sourceOf) => {
    const redis = adapter();
    await using db = await openSessionDb("redis://host/1", { adapters: { redis: sourceOf(redis) } });
    await db.upsertSession({ sessionType: "agent", sessionId: "s", agentId: "a" });
    expect(redis.urls).toEqual(["redis://host/1"]);
  });

  test.each(["sqlite", "file", "postgres", "postgresql", "mysql", "mariadb", "memory"])(
    "win over the built-in adapter of %s",
    async (scheme) => {
      const own = adapter();
      await using db = await openSessionDb(`${scheme}:x`, { adapters: { [scheme]: own } });
      expect(db).toBeInstanceOf(InMemorySessionDb);
      expect(own.urls).toEqual([`${scheme}:x`]);
    },
  );

  test.each(["x", "acme+redis", "s3.eu-west-1", "h2"])(
    "may serve the scheme %s, in upper or lower case",
    async (scheme) => {
      const own = adapter();
      const url = `${scheme.toUpperCase()}://host`;
      await using db = await openSessionDb(url, { adapters: { [scheme]: own } });
      expect(db).toBeInstanceOf(InMemorySessionDb);
      expect(own.urls).toEqual([url]);
    },
  );

  test("are loaded only when needed", async () => {
    const redis = () => {
      throw new Error("not to be loaded");
    };
    await using db = await openSessionDb("memory:", { adapters: { redis } });
    expect(db).toBeInstanceOf(InMemorySessionDb);
  });

  test("that cannot be loaded say why", async () => {
    const fault = new Error("the driver is missing");
    const redis = () => Promise.reject(fault);
    await expect(openSessionDb("redis:x", { adapters: { redis } })).rejects.toBe(fault);
  });

  test("are refused if their function returns none", async () => {
    for (const wrong of [null, undefined, {}, "redis", { fromUrl: "redis:" }]) {
      const redis = () => wrong as SessionDbAdapter;
      const opening = openSessionDb("redis:x", { adapters: { redis } });
      await expect(opening).rejects.toThrow(invalid("adapters.redis", /^adapters.redis must be a function that/));
    }
  });

  test.each([undefined, null, "redis", {}, Promise.resolve()])(
    "whose fromUrl returns no store but %j are refused",
    async (wrong) => {
      const redis = { fromUrl: () => wrong as InMemorySessionDb };
      for (const source of [redis, () => redis]) {
        const opening = openSessionDb("redis:x", { adapters: { redis: source } });
        await expect(opening).rejects.toThrow(invalid("adapters.redis", /whose fromUrl\(url\) returns a store/));
      }
    },
  );

  test("that are a default export must be passed by name", async () => {
    const redis = async () => ({ default: adapter() }) as unknown as SessionDbAdapter;
    const opening = openSessionDb("redis:x", { adapters: { redis } });
    await expect(opening).rejects.toThrow(invalid("adapters.redis", /return `module\.default`/));
  });
});

describe("the options", () => {
  const open = (options: unknown) => openSessionDb("memory:", options as OpenSessionDbOptions);

  test.each([{}, undefined, { adapters: undefined }, { adapters: {} }])("may be %j", async (options) => {
    await using db = await open(options);
    expect(db).toBeInstanceOf(InMemorySessionDb);
  });

  test.each([null, "redis", [], 1])("may not be %j", async (options) => {
    await expect(open(options)).rejects.toThrow(invalid("options"));
  });

  test("have no other names", async () => {
    await expect(open({ adapter: {} })).rejects.toThrow(
      invalid("options.adapter", /accepts only adapters, ownStorageOf$/),
    );
  });

  test.each([null, "redis", [], 1, () => adapter()])("have no adapters such as %j", async (adapters) => {
    await expect(open({ adapters })).rejects.toThrow(invalid("adapters"));
  });

  test.each([null, undefined, "@acme/redis", {}, { fromUrl: "redis:" }])(
    "have no adapter such as %j",
    async (redis) => {
      await expect(open({ adapters: { redis } })).rejects.toThrow(invalid("adapters.redis"));
    },
  );

  test.each(["redis:", "redis://", "Redis", "", "1st", "my_redis", "ré"])(
    "cannot have the scheme %j",
    async (scheme) => {
      const opening = open({ adapters: { [scheme]: adapter() } });
      await expect(opening).rejects.toThrow(invalid("adapters", new RegExp(`not by "${scheme}"$`)));
    },
  );
});

describe("a connection string", () => {
  test.each(["", "agent.db", ":", "redis:x", "constructor:x", "__proto__:x", "C:\\agent.db", "secret@host:1"])(
    "without an adapter is refused, and not repeated: %j",
    async (url) => {
      await expect(openSessionDb(url)).rejects.toThrow(
        expect.objectContaining({
          code: "INVALID_CONNECTION_STRING",
          message: expect.not.stringMatching(/secret|redis|constructor/),
        }),
      );
    },
  );

  test.each([undefined, null, 1, {}])("cannot be %j", async (url) => {
    await expect(openSessionDb(url as string)).rejects.toMatchObject({ code: "INVALID_CONNECTION_STRING" });
  });

  test("of a store in memory has no parameters", async () => {
    const opening = openSessionDb("memory:?size=1&x=2");
    await expect(opening).rejects.toThrow(
      expect.objectContaining({ code: "INVALID_CONNECTION_STRING", message: expect.stringMatching(/"size"/) }),
    );
  });

  test("without an adapter is refused with a list of the known schemes", async () => {
    await expect(openSessionDb("oracle:x", { adapters: { "acme+redis": adapter() } })).rejects.toThrow(
      "one of sqlite:, file:, postgres:, postgresql:, mysql:, mariadb:, memory:, acme+redis:, for example",
    );
  });
});

describe("ownStorageOf", () => {
  test("gives each id a unique name, from which the adapter derives the storage", async () => {
    const redis = { ...adapter(), ownStorageUrl: (url: string, name: string) => `${url}/${name}` };
    for (const ownStorageOf of ["bot", "a-b", "a_b", "A", "é"]) {
      await openSessionDb("redis://h", { adapters: { redis }, ownStorageOf });
    }
    expect(redis.urls).toEqual(["bot", "a__b", "a_5f_b", "_41_", "_e9_"].map((name) => `redis://h/${name}`));
  });

  test("opens a new store in memory", async () => {
    expect(await openSessionDb("memory:", { ownStorageOf: "bot" })).toBeInstanceOf(InMemorySessionDb);
  });

  test("is refused if the adapter does not support it, or the id is invalid", async () => {
    const redis = adapter();
    const opening = openSessionDb("redis://h", { adapters: { redis }, ownStorageOf: "bot" });
    await expect(opening).rejects.toMatchObject({ code: "INVALID_CONNECTION_STRING" });
    const wrong = openSessionDb("memory:", { ownStorageOf: "" });
    await expect(wrong).rejects.toThrow(invalid("ownStorageOf"));
    expect(redis.urls).toEqual([]);
  });
});
