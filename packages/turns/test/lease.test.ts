import { InMemorySessionDb, type Run, type SessionDb } from "@sessiondb/core";
import { Workflow } from "@sessiondb/turns";
import { describe, expect, test } from "vitest";

const now = () => Math.floor(Date.now() / 1000);
const session = { sessionType: "workflow", sessionId: "s", workflowId: "w" } as const;

async function stored(db: SessionDb, runId: string, extra: object): Promise<void> {
  const run = { runType: "workflow", runId, workflowId: "w", status: "RUNNING", extra } as Run;
  await db.upsertRun({ session, run });
}

/** When a run counts as left, by what its row carries: the seconds since its last sign of life. */
const limits = [
  {
    row: "a lease",
    mark: (age: number) => ({ sessiondb_running_since: now() - age, sessiondb_lease_until: now() - age + 70 }),
    limit: 70,
  },
  {
    row: "the mark of an earlier release",
    mark: (age: number) => ({ sessiondb_running_since: now() - age }),
    limit: 900,
  },
  { row: "nothing of ours", mark: () => ({ worker: "w1" }), limit: Infinity },
  { row: "a lease alone", mark: (age: number) => ({ sessiondb_lease_until: now() - age }), limit: Infinity },
] as const;
const cells = limits.flatMap((row) =>
  [undefined, 0, 30, 300, 2000, Infinity].map((staleAfter) => ({
    ...row,
    staleAfter,
    limit: row.limit === Infinity ? Infinity : (staleAfter ?? row.limit),
  })),
);

describe.each(cells)("a RUNNING row with $row, with staleAfter: $staleAfter", ({ mark, staleAfter, limit }) => {
  test("is closed once its time is over, and not before", async () => {
    const db = new InMemorySessionDb();
    // A second passes while the test runs.
    const ages = [0, 10, 28, 32, 68, 72, 298, 302, 898, 902, 1998, 2002, 1e6].filter(
      (age) => Math.abs(age - limit) > 1,
    );
    for (const age of ages) {
      await stored(db, String(age), mark(age));
    }
    const flow = new Workflow({
      id: "w",
      db,
      steps: [() => "done"],
      numHistoryRuns: 100,
      addWorkflowHistoryToSteps: true,
      staleAfter,
    });
    await flow.run("go", { sessionId: "s" });
    const { runs } = await db.getRuns({ sessionId: "s" });
    expect(runs.slice(0, -1).map(({ runId, status }) => [runId, status])).toEqual(
      ages.map((age) => [String(age), age > limit ? "ERROR" : "RUNNING"]),
    );
    expect(runs.filter(({ status }) => status === "ERROR").map(({ extra }) => extra ?? {})).toEqual(
      ages.filter((age) => age > limit).map(() => ({})),
    );
  });
});

describe("a run in progress", () => {
  /** A workflow whose step waits, and a way to end it. */
  function waiting(db: SessionDb, staleAfter?: number) {
    let end = (): void => {};
    const ended = new Promise<string>((resolve) => {
      end = () => resolve("done");
    });
    const flow = new Workflow({ id: "w", db, steps: [() => ended], ...(staleAfter !== undefined && { staleAfter }) });
    return { running: flow.run("go", { sessionId: "s" }), end };
  }
  const row = async (db: SessionDb) => (await db.getRuns({ sessionId: "s" })).runs[0];

  test.concurrent("shows signs of life three times in `staleAfter`, which earlier releases see too", async ({
    expect: given,
  }) => {
    const db = new InMemorySessionDb();
    const { running, end } = waiting(db, 3);
    await given.poll(() => row(db)).toMatchObject({ status: "RUNNING" });
    const longAgo = { sessiondb_running_since: 1, sessiondb_lease_until: 2, theirs: "stays" };
    await db.updateRun({ runId: (await row(db))?.runId ?? "" }, (run) => ({ ...run, extra: longAgo }));
    await given
      .poll(async () => Number((await row(db))?.extra?.["sessiondb_running_since"]), { timeout: 3000 })
      .toBeGreaterThan(now() - 5);
    const { extra = {} } = (await row(db)) ?? {};
    given(Number(extra["sessiondb_lease_until"]) - Number(extra["sessiondb_running_since"])).toBe(70);
    given(extra["theirs"]).toBe("stays");
    end();
    given(await running).toMatchObject({ status: "COMPLETED" });
    given((await row(db))?.extra).toBeUndefined();
  });

  test.concurrent("writes nothing between its two rows within 20 seconds, and nothing after its end", async ({
    expect: given,
  }) => {
    const db = new InMemorySessionDb();
    const calls: string[] = [];
    for (const name of ["getSession", "upsertRun", "updateRun"] as const) {
      const call = db[name].bind(db) as (...args: unknown[]) => unknown;
      Object.assign(db, { [name]: (...args: unknown[]) => (calls.push(name), call(...args)) });
    }
    const { running, end } = waiting(db);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    end();
    await running;
    given(calls).toEqual(["getSession", "upsertRun", "upsertRun"]);
  });

  test("that was closed while its process did not respond is stored with its end", async () => {
    const db = new InMemorySessionDb();
    const { running, end } = waiting(db);
    await expect.poll(() => row(db)).toMatchObject({ status: "RUNNING" });
    const { runId = "" } = (await row(db)) ?? {};
    await db.updateRun({ runId }, (run) => ({
      ...run,
      extra: { sessiondb_running_since: 1, sessiondb_lease_until: 2 },
    }));
    await new Workflow({ id: "w", db, steps: [() => "other"] }).run("next", { sessionId: "s" });
    expect(await row(db)).toMatchObject({ status: "ERROR" });
    end();
    await running;
    expect(await row(db)).toMatchObject({ status: "COMPLETED", content: "done" });
  });
});
