import { openSessionDb } from "@sessiondb/core";
import { fromUrl, MySqlSessionDb, sessionTables, type MySqlSessionDbOptions } from "@sessiondb/mysql";
import { createPool, type RowDataPacket } from "mysql2/promise";
import { expect, test } from "vitest";
import { refusal, run, session } from "./models.ts";
import { freshDatabase, onEachServer } from "./support.ts";

onEachServer((server) => {
  test("a store is opened by its connection string", async () => {
    const url = await freshDatabase(server.url);
    await using db = await openSessionDb(url);
    await db.upsertRun({ session: session("s"), run: run("r") });
    await using again = fromUrl(url.replace(/^\w+:/, "MARIADB:"));
    expect((await again.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
  });

  test("a connection string may name the database of the tables, which is created", async () => {
    const url = await freshDatabase(server.url);
    const database = `${new URL(url).pathname.slice(1)}_own`;
    await using db = await openSessionDb(`${url}?database=${database}`);
    await db.upsertRun({ session: session("s"), run: run("r") });
    const connection = createPool({ uri: url.replace(/^\w+:/, "mysql:") });
    const [[found]] = await connection.query<RowDataPacket[]>(`select count(*) as runs from ${database}.agno_runs`);
    await connection.query(`drop database ${database}`);
    await connection.end();
    expect(found).toEqual({ runs: 1 });
  });

  test("tables named sessions and runs can have all of Agno's indexes", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url, sessionTable: "sessions", runsTable: "runs", indexes: "agno" });
    await db.migrate();
    expect(await db.planMigration()).toEqual([]);
    await db.upsertRun({ session: session("s"), run: run("r") });
  });

  test("nothing happens before the first operation, and nothing is left after closing", async () => {
    const url = await freshDatabase(server.url);
    const unused = new MySqlSessionDb({ url });
    await unused.close();
    const db = new MySqlSessionDb({ url, poolSize: 3 });
    await Promise.all(["a", "b", "c", "d", "e"].map((id) => db.upsertRun({ session: session("s"), run: run(id) })));
    await db.close();
    await db.close();
    await refusal(db.getSession({ sessionId: "s" }), "CLOSED");
  });
});

test.each<[string, MySqlSessionDbOptions]>([
  ["neither url nor pool", {}],
  ["both", { url: "mysql://root@localhost/test", pool: createPool({ host: "localhost" }) }],
  ["an empty database", { url: "mysql://root@localhost/test", database: "" }],
  ["a table name with a space at its end", { url: "mysql://root@localhost/test", sessionTable: "sessions " }],
])("options with %s are refused", (_, options) => {
  expect(() => new MySqlSessionDb(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});

test.each([
  "",
  "mysql:",
  "mysql://",
  "postgres://root@localhost/test",
  "mysql://root:secret@localhost",
  "mysql://root:s3cret@host:port/x",
])("the connection string %j is refused, and not repeated", (url) => {
  expect(() => fromUrl(url)).toThrow(expect.objectContaining({ code: "INVALID_CONNECTION_STRING" }));
  expect(() => fromUrl(url)).toThrow(
    expect.not.objectContaining({ message: expect.stringMatching(/s.cret/) as string }),
  );
});

test("a connection string without database serves a store that names one", () => {
  expect(new MySqlSessionDb({ url: "mysql://root@localhost", database: "agents" })).toBeInstanceOf(MySqlSessionDb);
});

test("the tables are there for queries of one's own", () => {
  const { sessions, runs } = sessionTables({ sessionTable: "mine", database: "agents" });
  expect(sessions.sessionId.getSQLType()).toBe("varchar(128)");
  expect(runs.runData.getSQLType()).toBe("json");
});
