import { createServer, type AddressInfo } from "node:net";
import { createPool } from "mysql2/promise";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { kindsOfDeletes, storeForDeletes } from "@sessiondb/testing/deletes";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { NetworkProxy } from "@sessiondb/testing/network-proxy";
import { refusal } from "@sessiondb/testing/refusal";
import { expect, test } from "vitest";
import { isCommand, okAnswer } from "./protocol.ts";
import { freshDatabase, onEachServer, query, withConnection } from "./support.ts";

const timeout = 60_000;

async function runIds(db: MySqlSessionDb, sessionId = "s"): Promise<string[]> {
  return ((await db.getSession({ sessionId }))?.runs ?? []).map(({ runId }) => runId);
}

onEachServer((server) => {
  test("connections cut while idle are replaced", { timeout }, async () => {
    await using proxy = await NetworkProxy.to(await freshDatabase(server.url));
    await using db = new MySqlSessionDb({ url: proxy.url });
    await Promise.all(
      ["a", "b", "c", "d"].map((id) => db.upsertRun({ session: agentSession("s"), run: agentRun(id) })),
    );
    proxy.cutAll();
    await db.upsertRun({ session: agentSession("s"), run: agentRun("e") });
    expect(await runIds(db)).toHaveLength(5);
  });

  test("connections that the server killed while idle are replaced", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    const ids = await query<{ id: number }>(
      server.url,
      "select id from information_schema.processlist where db = ?",
      new URL(url).pathname.slice(1),
    );
    expect(ids.length).toBeGreaterThan(0);
    for (const { id } of ids) {
      await query(server.url, `kill ${id}`);
    }
    await db.upsertRun({ session: agentSession("s"), run: agentRun("b") });
    expect(await runIds(db)).toEqual(["a", "b"]);
  });

  test("a turn starts over when its connection is cut in the middle of the transaction", { timeout }, async () => {
    await using proxy = await NetworkProxy.to(await freshDatabase(server.url));
    await using db = new MySqlSessionDb({ url: proxy.url });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    for (const at of [1, 2, 3, 4]) {
      let commands = 0;
      let cuts = 0;
      proxy.onRequest = (bytes) => {
        commands += isCommand(bytes) ? 1 : 0;
        if (cuts > 0 || commands !== at) {
          return "pass";
        }
        cuts += 1;
        return "cut";
      };
      await db.upsertRun({ session: agentSession("s"), run: agentRun(`cut at ${at}`) });
      expect(cuts).toBe(1);
    }
    expect(await runIds(db)).toEqual(["a", "cut at 1", "cut at 2", "cut at 3", "cut at 4"]);
  });

  test("a turn whose reply was lost is stored once", { timeout }, async () => {
    await using proxy = await NetworkProxy.to(await freshDatabase(server.url));
    await using db = new MySqlSessionDb({ url: proxy.url });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    proxy.loseReplyTo("COMMIT");
    await db.upsertRun({ session: agentSession("s"), run: agentRun("b") });
    expect(await runIds(db)).toEqual(["a", "b"]);
  });

  test("an increment whose reply was lost is not made twice, and the error says so", { timeout }, async () => {
    await using proxy = await NetworkProxy.to(await freshDatabase(server.url));
    await using db = new MySqlSessionDb({ url: proxy.url });
    await db.upsertSession(agentSession("s"));
    proxy.loseReplyTo("COMMIT");
    const change = db.updateSession({ sessionId: "s" }, ({ sessionState }) => ({
      sessionState: { count: Number(sessionState["count"] ?? 0) + 1 },
    }));
    expect((await refusal(change, "DATABASE_UNREACHABLE")).message).toContain("is unknown");
    expect((await db.getSession({ sessionId: "s" }))?.sessionState).toEqual({ count: 1 });
  });

  test("a delete whose commit is not acknowledged counts what it deleted", { timeout }, async () => {
    await using proxy = await NetworkProxy.to(await freshDatabase(server.url));
    await using db = new MySqlSessionDb({ url: proxy.url });
    for (const [index, { name, call, result }] of kindsOfDeletes.entries()) {
      await storeForDeletes(db);
      proxy.loseReplyTo("COMMIT");
      expect([name, await call(db)]).toEqual([name, result]);
      expect(proxy.lostReplies).toBe(index + 1);
    }
  });

  test.each([1, 3])(
    "a turn whose command %i was falsely reported as done is acknowledged only if it is stored",
    async (at) => {
      await using proxy = await NetworkProxy.to(await freshDatabase(server.url));
      await using db = new MySqlSessionDb({ url: proxy.url, poolSize: 1 });
      await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
      await db.upsertRun({ session: agentSession("s"), run: agentRun("b") });
      let commands = 0;
      proxy.onRequest = (bytes) => {
        commands += isCommand(bytes) ? 1 : 0;
        return isCommand(bytes) && commands === at ? okAnswer({ inTransaction: at > 1 }) : "pass";
      };
      const turn = db.upsertRun({ session: agentSession("s"), run: agentRun("c") });
      const outcome = await turn.then(
        () => "stored",
        (error: unknown) => String(error),
      );
      expect(outcome).toContain(at === 1 ? "stored" : 'DatabaseError: Run "c" was not written to agno_runs');
      proxy.onRequest = () => "pass";
      expect(await runIds(db)).toEqual(at === 1 ? ["a", "b", "c"] : ["a", "b"]);
    },
  );

  test("an exhausted pool is an error after a bounded wait", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    const pool = createPool({ uri: url.replace("mariadb:", "mysql:"), connectionLimit: 1 });
    try {
      await using db = new MySqlSessionDb({ pool, connectionTimeout: 200 });
      await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
      const held = await pool.getConnection();
      const start = performance.now();
      await refusal(db.upsertRun({ session: agentSession("s"), run: agentRun("b") }), "DATABASE_BUSY");
      expect(performance.now() - start).toBeLessThan(5000);
      held.release();
      await db.upsertRun({ session: agentSession("s"), run: agentRun("b") });
      expect(await runIds(db)).toEqual(["a", "b"]);
    } finally {
      await pool.end();
    }
  });

  test("a row that stays locked is an error after a bounded wait", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url, retryTimeout: 1000 });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    await withConnection(url, async (held) => {
      await held.query("start transaction");
      await held.query("select * from agno_sessions for update");
      const start = performance.now();
      await refusal(db.upsertRun({ session: agentSession("s"), run: agentRun("b") }), "DATABASE_BUSY");
      expect(performance.now() - start).toBeLessThan(10_000);
      await held.query("rollback");
    });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("b") });
  });

  test("a server that stops answering is an error after a bounded wait", { timeout }, async () => {
    await using proxy = await NetworkProxy.to(await freshDatabase(server.url));
    const { url } = proxy;
    const db = new MySqlSessionDb({ url, statementTimeout: 1000, connectionTimeout: 1000, retryTimeout: 1000 });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    proxy.onAnswer = () => "hold";
    await refusal(db.getSession({ sessionId: "s" }), "DATABASE_UNREACHABLE");
    await refusal(db.upsertRun({ session: agentSession("s"), run: agentRun("b") }), "DATABASE_UNREACHABLE");
    proxy.onAnswer = () => "pass";
    expect(await runIds(db)).toEqual(["a"]);
    proxy.onAnswer = () => "hold";
    await db.close();
  });

  test("a read-only transaction is reported as such", { timeout }, async () => {
    const url = await freshDatabase(server.url);
    const pool = createPool({ uri: url.replace("mariadb:", "mysql:") });
    pool.on("connection", (connection) => void connection.query("set session transaction read only"));
    try {
      await using writable = new MySqlSessionDb({ url });
      await writable.upsertRun({ session: agentSession("s"), run: agentRun("a") });
      await using db = new MySqlSessionDb({ pool });
      expect(await runIds(db)).toEqual(["a"]);
      await refusal(db.upsertRun({ session: agentSession("s"), run: agentRun("b") }), "DATABASE_READ_ONLY");
    } finally {
      await pool.end();
    }
  });

  test("the error of a missing database names it", { timeout }, async () => {
    const url = Object.assign(new URL(server.url), { pathname: "/none_of_this_name" }).href;
    await using db = new MySqlSessionDb({ url });
    const error = await refusal(db.getSessions(), "DATABASE_ERROR");
    expect(error.message).toContain("none_of_this_name");
  });

  test("a wrong password is refused, and not repeated in the message", { timeout }, async () => {
    const { host } = new URL(server.url);
    await using db = new MySqlSessionDb({ url: `mysql://root:wrong-secret@${host}/test` });
    const error = await refusal(db.getSessions(), "PERMISSION_DENIED");
    expect(error.message).toContain(host);
    expect(JSON.stringify(error) + error.message).not.toContain("wrong-secret");
  });
});

test("the error of a missing server names it, without the password", async () => {
  await using db = new MySqlSessionDb({ url: "mysql://me:hidden-word@127.0.0.1:1/agents" });
  const error = await refusal(db.getSessions(), "DATABASE_UNREACHABLE");
  expect(error.message).toContain("127.0.0.1:1");
  expect(error.message).toContain("agents");
  expect(error.message).not.toContain("hidden-word");
});

test("a server that accepts and says nothing is an error after a bounded wait", async () => {
  const mute = createServer(() => {});
  await new Promise<void>((resolve) => {
    mute.listen(0, "127.0.0.1", resolve);
  });
  const { port } = mute.address() as AddressInfo;
  const db = new MySqlSessionDb({ url: `mysql://root@127.0.0.1:${port}/test`, connectionTimeout: 200 });
  await refusal(db.getSessions(), "DATABASE_UNREACHABLE");
  await db.close();
  mute.close();
});
