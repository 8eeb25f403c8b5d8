import type { JsonObject, PayloadTooLargeError } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { expect, test } from "vitest";
import { agno3Tables } from "./agno-tables.ts";
import { freshDatabase, freshStore, onEachServer, query, withConnection } from "./support.ts";

const megabyte = 1024 * 1024;

function nested(depth: number): JsonObject {
  return Array.from({ length: depth - 1 }).reduce<JsonObject>((inner) => ({ n: inner }), {});
}

onEachServer((server) => {
  test(
    "data larger than the server's packet is refused with both sizes, and nothing is written",
    { timeout: 60_000 },
    async () => {
      const [packet] = await query<{ bytes: number }>(server.url, "select @@max_allowed_packet as bytes");
      const bytes = packet?.bytes ?? 0;
      await using db = await freshStore(server, { maxPayloadBytes: 2 ** 30 });
      await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
      expect(db.limits.maxPayloadBytes).toBeLessThan(bytes);
      expect(db.limits.maxPayloadBytes).toBeGreaterThan(bytes - megabyte);
      const content = "x".repeat(bytes);
      const turn = db.upsertRun({ session: agentSession("new"), run: agentRun("big", { content }) });
      const error = (await refusal(turn, "PAYLOAD_TOO_LARGE")) as PayloadTooLargeError;
      expect(error).toMatchObject({ argument: "run", limit: db.limits.maxPayloadBytes });
      expect(error.size).toBeGreaterThan(bytes);
      expect(error.message).toContain("max_allowed_packet");
      expect(error.message).not.toContain("maxPayloadBytes");
      // Documents that fit one by one, and not together.
      const half = "x".repeat(bytes * 0.6);
      const whole = agentSession("new", { metadata: { half }, agentData: { half } });
      expect(await refusal(db.upsertSession(whole), "PAYLOAD_TOO_LARGE")).toMatchObject({ argument: "session" });
      expect(await db.getSession({ sessionId: "new" })).toBeNull();
      expect(await query(server.url, "select 1 as alive")).toHaveLength(1);
    },
  );

  test("the limit also applies to a store's first write", { timeout: 60_000 }, async () => {
    const [packet] = await query<{ bytes: number }>(server.url, "select @@max_allowed_packet as bytes");
    await using db = await freshStore(server, { maxPayloadBytes: 2 ** 30 });
    const content = "x".repeat(packet?.bytes ?? 0);
    await refusal(db.upsertRun({ session: agentSession("s"), run: agentRun("big", { content }) }), "PAYLOAD_TOO_LARGE");
    expect(await db.getSession({ sessionId: "s" })).toBeNull();
  });

  test("nesting that the tables cannot hold is refused with both depths, and nothing is written", async () => {
    await using db = await freshStore(server);
    await db.upsertSession(agentSession("deep", { metadata: nested(100) }));
    expect((await db.getSession({ sessionId: "deep" }))?.metadata).toEqual(nested(100));
    const deeper = db.upsertRun({ session: agentSession("new"), run: agentRun("r", { metadata: nested(150) }) });
    if (server.name === "mariadb") {
      await deeper;
      return;
    }
    const error = await refusal(deeper, "INVALID_ARGUMENT");
    expect(error.message).toContain("run must be nested at most 100 levels deep in this table, not 151");
    expect(await db.getSession({ sessionId: "new" })).toBeNull();
    expect(
      await refusal(db.upsertSession(agentSession("new", { metadata: nested(101) })), "INVALID_ARGUMENT"),
    ).toMatchObject({ argument: "session.metadata" });
  });

  test("the error of a value nested too deeply names its argument", async () => {
    const url = await freshDatabase(server.url);
    await withConnection(url, (connection) => connection.query(agno3Tables));
    await using db = new MySqlSessionDb({ url });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    const state = { sessionState: nested(120) };
    const deep = { deep: nested(120) };
    const s = agentSession("s");
    const writes: Readonly<Record<string, () => Promise<unknown>>> = {
      "change.sessionData": () => db.updateSession({ sessionId: "s" }, state),
      "change.metadata": () => db.upsertRun({ session: s, run: agentRun("r2"), change: { metadata: deep } }),
      "session.agentData": () => db.upsertSession(agentSession("s", { agentData: deep })),
      "session.metadata": () => db.upsertRun({ session: agentSession("new", { metadata: deep }), run: agentRun("r3") }),
      "also[0].change.sessionData": () =>
        db.upsertRun({ session: s, run: agentRun("r2"), also: [{ session: agentSession("t"), change: state }] }),
      run: () => db.upsertRun({ session: s, run: agentRun("r2", { metadata: deep }) }),
      change: () => db.updateRun({ runId: "r" }, (stored) => ({ ...stored, metadata: deep })),
    };
    for (const [argument, write] of Object.entries(writes)) {
      expect(await refusal(write(), "INVALID_ARGUMENT")).toMatchObject({ argument });
    }
    // A change of the first turn is told from the session that comes with it.
    const first = db.upsertRun({ session: agentSession("first"), run: agentRun("r4"), change: state });
    expect(await refusal(first, "INVALID_ARGUMENT")).toMatchObject({ argument: "change.sessionData" });
    expect((await db.getSessions()).sessions.map(({ sessionId }) => sessionId)).toEqual(["s"]);
  });

  test("nesting that MariaDB's own JSON columns cannot hold is refused with both depths", async () => {
    const url = await freshDatabase(server.url);
    await withConnection(url, (connection) => connection.query(agno3Tables));
    await using db = new MySqlSessionDb({ url });
    const write = db.upsertSession(agentSession("s", { metadata: nested(40) }));
    if (server.name === "mysql") {
      await write;
      return;
    }
    const error = await refusal(write, "INVALID_ARGUMENT");
    expect(error.message).toContain("at most 31 levels deep in this table, not 40");
  });

  test("ids of 128 characters are stored, whatever their bytes, and longer ones are refused", async () => {
    await using db = await freshStore(server);
    for (const longest of ["x".repeat(128), "😀".repeat(128)]) {
      await db.upsertRun({ session: agentSession(longest, { userId: longest }), run: agentRun(longest) });
      expect((await db.getSession({ sessionId: longest }))?.runs[0]?.runId).toBe(longest);
      const error = await refusal(db.upsertSession(agentSession(`${longest}y`)), "INVALID_ARGUMENT");
      expect(error.message).toContain("at most 128 characters long, not 129");
    }
  });

  test("ids too long for shorter columns are refused, even if the server would truncate them", async () => {
    const url = await freshDatabase(server.url);
    await withConnection(url, (connection) => connection.query(agno3Tables.replaceAll("varchar(128)", "varchar(36)")));
    await using db = new MySqlSessionDb({ url });
    await refusal(db.upsertSession(agentSession("x".repeat(40))), "INVALID_ARGUMENT");
    expect(await db.getSessions()).toMatchObject({ sessions: [] });
  });
});
