import { Agent, parallel, step, Team, Workflow } from "@sessiondb/agent";
import { InMemorySessionDb, type Run, type SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { describe, test } from "vitest";

// A run inside another one ends with it, and loses nothing: neither its tokens nor its place, nor what its tools return
// after the end.

const stores: Readonly<Record<string, () => SessionDb>> = {
  memory: () => new InMemorySessionDb(),
  sqlite: () => new SqliteSessionDb({ file: ":memory:" }),
};
const inputSchema = jsonSchema({ type: "object" });
const delegates = (id: string): Answer => ({
  text: "I lead.",
  calls: [{ name: "delegate_task_to_member", id: `to-${id}`, input: { member_id: id, task: "Go" } }],
});

interface Setup {
  readonly db: SessionDb;
  readonly timeout: number | undefined;
  /** The member or step whose tool works until after the end. */
  readonly worker: Agent;
}

/** Each has the worker inside, and as many leaders as `leaders` says. */
const outers = {
  "a team": { leaders: 1, make: ({ db, timeout, worker }: Setup) => teamOf("t", { db, timeout, member: worker }) },
  "a team in a team": {
    leaders: 2,
    make: ({ db, timeout, worker }: Setup) =>
      teamOf("t", { db, timeout, member: teamOf("inner", { db: undefined, timeout: undefined, member: worker }) }),
  },
  "a workflow": { leaders: 0, make: ({ db, worker }: Setup) => new Workflow({ id: "w", db, steps: [worker] }) },
  "a parallel step of a workflow": {
    leaders: 0,
    make: ({ db, worker }: Setup) => new Workflow({ id: "w", db, steps: [parallel("p", [worker, () => "Done"])] }),
  },
  "a team in a workflow": {
    leaders: 1,
    make: ({ db, worker }: Setup) =>
      new Workflow({ id: "w", db, steps: [teamOf("t", { db: undefined, timeout: undefined, member: worker })] }),
  },
  "a workflow in a workflow": {
    leaders: 0,
    make: ({ db, worker }: Setup) =>
      new Workflow({ id: "w", db, steps: [step({ name: "inner", run: new Workflow({ id: "i", steps: [worker] }) })] }),
  },
};

function teamOf(
  id: string,
  { db, timeout, member }: { db: SessionDb | undefined; timeout: number | undefined; member: Agent | Team },
): Team {
  return new Team({
    id,
    ...(db && { db }),
    model: scriptedModel([delegates(member.id), "Done."]),
    members: [member],
    storeMemberResponses: true,
    ...(timeout !== undefined && { generation: { timeout } }),
  });
}

/** Returns a run and all those inside it. */
function withInside(run: Run): Run[] {
  const inside = run.runType === "team" ? run.memberResponses : run.runType === "workflow" ? run.stepExecutorRuns : [];
  return [run, ...(inside ?? []).flatMap(withInside)];
}

const cells = Object.keys(stores).flatMap((store) =>
  (Object.keys(outers) as (keyof typeof outers)[]).flatMap((outer) =>
    (["run", "stream"] as const).flatMap((call) =>
      (["signal", "timeout"] as const)
        .filter((cause) => cause === "signal" || (outer.startsWith("a team") && !outer.endsWith("workflow")))
        .map((cause) => ({ store, outer, call, cause })),
    ),
  ),
);

describe.concurrent.each(cells)("$outer whose $call ends by $cause ($store)", ({ store, outer, call, cause }) => {
  test.concurrent("keeps the tokens and the places of the runs inside, and what their tools return later", async ({
    expect,
  }) => {
    await using db = (stores[store] as () => SessionDb & AsyncDisposable)();
    const controller = new AbortController();
    let release = (): void => {};
    const worked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const quick = tool({ inputSchema, execute: () => "quick result" });
    const slow = tool({
      inputSchema,
      execute: async () => {
        if (cause === "signal") {
          setImmediate(() => controller.abort(new Error("stop")));
        }
        await worked;
        return "late result";
      },
    });
    const worker = new Agent({
      id: "m",
      model: scriptedModel([
        { text: "m1", calls: [{ name: "quick", id: "q" }] },
        { text: "m2", calls: [{ name: "slow", id: "s1" }] },
      ]),
      tools: { quick, slow },
    });
    const { make, leaders } = outers[outer];
    const component = make({ db, worker, timeout: cause === "timeout" ? 60 : undefined });
    const options = { sessionId: "s", signal: controller.signal };
    const ended = call === "run" ? component.run("x", options) : (await component.stream("x", options)).result;
    const outcome: unknown = await ended.catch((error: unknown) => error);
    expect(outcome).toMatchObject(
      cause === "timeout" ? { name: "TimeoutError" } : call === "run" ? { message: "stop" } : { status: "CANCELLED" },
    );

    const session = await db.getSession({ sessionId: "s" });
    expect(session?.sessionData["session_metrics"]).toMatchObject({ total_tokens: leaders * 15 + 2 * 15 });
    const rows = session?.runs ?? [];
    expect(rows.filter(({ parentRunId }) => (parentRunId ?? null) === null)).toMatchObject([
      { status: cause === "timeout" ? "ERROR" : "CANCELLED" },
    ]);
    const runs = rows.flatMap(withInside);
    const ofWorker = (all: readonly Run[]) => all.filter((run) => run.runType === "agent" && run.agentId === "m");
    const [member] = ofWorker(runs);
    expect(member).toMatchObject({ status: "CANCELLED", metrics: { totalTokens: 30 } });
    for (const run of runs) {
      if (run.runType === "team") {
        const inside = runs.filter(({ parentRunId }) => parentRunId === run.runId);
        expect(run.memberResponses).toHaveLength(1);
        expect(run.tools?.map(({ childRunId }) => childRunId)).toEqual([inside[0]?.runId]);
      } else if (run.runType === "workflow" && !outer.startsWith("a parallel")) {
        expect(run.stepResults).toMatchObject([{ success: false, stepRunId: expect.any(String) }]);
      }
    }

    release();
    await expect
      .poll(async () => {
        const later = ofWorker(((await db.getSession({ sessionId: "s" }))?.runs ?? []).flatMap(withInside));
        return later.map((run) => (run.runType === "agent" ? run.tools?.map(({ result }) => result) : null));
      })
      .toEqual(ofWorker(runs).map(() => ["quick result", "late result"]));
    const [later] = ofWorker(((await db.getSession({ sessionId: "s" }))?.runs ?? []).flatMap(withInside));
    expect(later?.runType === "agent" && later.messages?.at(-1)).toMatchObject({
      role: "tool",
      content: "late result",
    });
  });
});
