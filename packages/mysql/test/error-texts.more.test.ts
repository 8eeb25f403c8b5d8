import { inspect } from "node:util";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { NetworkProxy } from "@sessiondb/testing/network-proxy";
import { expect, test } from "vitest";
import { freshDatabase, onEachServer, query, withConnection } from "./support.ts";

const marked = "Zeppelin 4711 secret";
const user = { userId: "ada" };
const whole = () =>
  agentSession("s", {
    ...user,
    sessionData: { session_name: marked, session_state: { marked } },
    metadata: { marked },
    agentData: { marked },
    summary: { summary: marked },
  });
const written = agentRun("r", { ...user, status: marked as "RUNNING", content: marked, metadata: { marked } });

/** Everything that is written, with the marked text in every field that holds content. */
async function refusals(db: MySqlSessionDb): Promise<unknown[]> {
  const calls: (() => Promise<unknown>)[] = [
    () => db.upsertSession(whole()),
    () => db.upsertRun({ session: whole(), run: written }),
    () => db.upsertRun({ session: whole(), run: { ...written, runId: "r2" }, change: { metadata: { again: marked } } }),
    () => db.updateSession({ sessionId: "s" }, { sessionState: { more: marked } }),
    () => db.updateRun({ runId: "r" }, (stored) => ({ ...stored, content: `${marked} again` })),
    () => db.getSessions({ sessionName: marked }),
    () => db.deleteRuns({ runIds: ["r"] }),
    () => db.deleteSession({ sessionId: "s" }),
  ];
  const found: unknown[] = [];
  for (const call of calls) {
    await call().catch((error: unknown) => found.push(error));
  }
  return found;
}

function expectNothingSaid(errors: readonly unknown[], code = /./): void {
  for (const error of errors) {
    // Of the error and all its causes, with whatever they carry.
    expect(inspect(error, { depth: 20, showHidden: true })).not.toMatch(/Zeppelin|4711/);
    expect(error).toMatchObject({ code: expect.stringMatching(code) as string });
  }
}

/** What is done to the tables, after which some writes are refused with the content in the server's words. */
const spoilt: Record<string, string> = {
  "a short document": "alter table agno_runs modify run_data varchar(20) not null",
  "a short session": "alter table agno_sessions modify session_data varchar(20), modify metadata varchar(9)",
  "a short status": "alter table agno_runs modify status varchar(3)",
  "a number in place of a status": "alter table agno_runs modify status bigint",
  "an ENUM in place of a status": "alter table agno_runs modify status enum('COMPLETED')",
  "a date in place of a status": "alter table agno_runs modify status datetime",
  "a column without default": "alter table agno_runs add column more int not null",
  "a CHECK": "alter table agno_runs add constraint plain check (status not like 'Z%')",
  "a unique key":
    "alter table agno_runs add unique key once (status); insert into agno_sessions (session_id, session_type, created_at) values ('o', 'agent', 1); insert into agno_runs (run_id, session_id, run_type, status, run_data, created_at) values ('o', 'o', 'agent', 'Zeppelin 4711 secret', '{}', 1)",
};
for (const table of ["sessions", "runs"]) {
  for (const event of ["before insert", "before update", "before delete", "after insert", "after update"]) {
    for (const number of [1644, 1062, 1142, 1366]) {
      const row = event.includes("delete") ? "old" : "new";
      const content = table === "runs" ? `${row}.run_data` : `coalesce(${row}.session_data, 'Zeppelin')`;
      spoilt[`a trigger ${event} on ${table} with ${number}`] =
        `create trigger says ${event} on agno_${table} for each row begin declare words varchar(128); set words = concat('Data too long for column ', left(cast(${content} as char), 90), ' Zeppelin'); signal sqlstate '45000' set mysql_errno = ${number}, message_text = words; end`;
    }
  }
}

onEachServer((server) => {
  test("no error contains stored content, whatever the server says", { timeout: 60_000 }, async () => {
    const url = await freshDatabase(server.url);
    await using owner = new MySqlSessionDb({ url });
    await owner.migrate();
    for (const [name, ddl] of Object.entries(spoilt)) {
      const isTrigger = name.startsWith("a trigger");
      await withConnection(url, async (on) => {
        await (isTrigger
          ? on.query("drop trigger if exists says; delete from agno_runs; delete from agno_sessions")
          : on.query("drop table if exists agno_runs, agno_sessions, agno_schema_versions"));
      });
      if (!isTrigger || (await owner.verifySchema()).length > 0) {
        await query(url, "drop table if exists agno_runs, agno_sessions, agno_schema_versions");
        await owner.migrate();
      }
      if (/delete|update/.test(name)) {
        await owner.upsertRun({ session: whole(), run: written });
      }
      await withConnection(url, (on) => on.query(ddl));
      await using db = new MySqlSessionDb({ url, retryTimeout: 0 });
      const errors = await refusals(db);
      expect([name, errors.length > 0]).toEqual([name, true]);
      expectNothingSaid(errors, /^(DATABASE_ERROR|INVALID_ARGUMENT|PERMISSION_DENIED|SCHEMA_MISMATCH)$/);
    }
  });

  test("no error contains what a proxy adds to the server's message", async () => {
    const url = await freshDatabase(server.url);
    await using owner = new MySqlSessionDb({ url });
    await owner.upsertSession(whole());
    for (const number of [1105, 1317, 1203, 1205, 1644, 1062, 1366, 1142, 1049, 3157, 1053]) {
      await using proxy = await NetworkProxy.to(url);
      await using db = new MySqlSessionDb({ url: proxy.url, retryTimeout: 0 });
      await db.getSessions();
      proxy.onRequest = (bytes) => (bytes[3] === 0 && bytes[4] === 0x17 ? errorAnswer(number) : "pass");
      const errors = await refusals(db);
      expect([number, errors.length]).toEqual([number, 8]);
      expectNothingSaid(errors);
    }
  });
});

/** An error as Vitess words it, with the values of the statement. */
function errorAnswer(number: number): Buffer {
  const words = `#HY000target: main: Data too long (CallerID: app): Sql: "insert …", BindVars: {v1: "${marked}"} for column '${marked}' at row 1`;
  const payload = Buffer.concat([Buffer.from([0xff, number & 255, number >> 8]), Buffer.from(words)]);
  return Buffer.concat([Buffer.from([payload.length & 255, payload.length >> 8, 0, 1]), payload]);
}
