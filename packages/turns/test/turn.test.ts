import {
  InMemorySessionDb,
  SessionOwnershipError,
  type AgentRun,
  type Session,
  type SessionDb,
  type TurnSession,
} from "@sessiondb/core";
import {
  Component,
  componentReaders,
  readScope,
  runContext,
  runOptionReaders,
  scopeFields,
  step,
  Workflow,
  type ComponentOptions,
  type EmbeddedRequest,
  type EmbeddedResult,
  type Executor,
  type RunOptions,
  type RunScope,
} from "@sessiondb/turns";
import { describe, expect, test } from "vitest";

// A component on no AI framework at all, as a plug for another one would write it.

type Work = (input: string, scope: RunScope) => string | Promise<string>;

class Plug extends Component implements Executor {
  readonly sessionType = "agent";
  readonly description = null;
  readonly work: Work;
  /** The answers of the runs that the last turn was shown. */
  shown: unknown[] = [];

  constructor(options: ComponentOptions, work: Work = (input) => `You said: ${input}`) {
    super(readScope(options, componentReaders, ["userId", "db"]), "agent");
    this.work = work;
  }

  async run(input: string, options: RunOptions = {}): Promise<AgentRun> {
    const turn = await this.openTurn(readScope(options, runOptionReaders), 10);
    this.shown = turn.runs.map(({ content }) => content);
    const answer = this.#answer(input, turn.scope);
    turn.begin(this.#runOf(turn.scope, { status: "RUNNING" }));
    const { run, error } = await turn.end({ ...(await answer), metrics: [{ totalTokens: 1 }] });
    if (run.status === "CANCELLED") {
      throw error;
    }
    return run;
  }

  async runEmbedded({ input, scope }: EmbeddedRequest): Promise<EmbeddedResult> {
    const { run } = await this.#answer(input, scope);
    await scope.store(run);
    return { run, content: run.content ?? null };
  }

  protected override sessionIdentity(sessionId: string): TurnSession {
    return { sessionType: "agent", sessionId, agentId: this.id };
  }

  protected override async nameFor({ runs }: Session): Promise<string> {
    return `${runs.length} runs`;
  }

  async #answer(input: string, scope: RunScope): Promise<{ run: AgentRun; error: unknown }> {
    try {
      const content = await this.work(input, scope);
      return { run: this.#runOf(scope, { status: "COMPLETED", content }), error: null };
    } catch (error) {
      return { run: this.#runOf(scope, { status: scope.signal.aborted ? "CANCELLED" : "ERROR" }), error };
    }
  }

  #runOf(scope: RunScope, fields: Partial<AgentRun>): AgentRun {
    return { runType: "agent", agentId: this.id, ...scopeFields(scope), ...fields };
  }
}

/** A store whose method `name` throws. */
function failing(name: "getSession" | "upsertRun", error: Error): SessionDb {
  return new Proxy(new InMemorySessionDb(), {
    get(db, property) {
      if (property === name) {
        return async () => {
          throw error;
        };
      }
      const value: unknown = Reflect.get(db, property);
      return typeof value === "function" ? (value.bind(db) as unknown) : value;
    },
  });
}

describe("a component without an AI framework", () => {
  test("remembers its turns, their state and their metrics", async () => {
    const db = new InMemorySessionDb();
    const plug = new Plug({ id: "plug", db }, (input, scope) => {
      runContext(scope).updateSessionState((state) => void (state["turns"] = Number(state["turns"] ?? 0) + 1));
      return input.toUpperCase();
    });
    const sessionId = "s";
    await plug.run("one", { sessionId, userId: "ada" });
    const both = ["two", "three"].map((input) => plug.run(input, { sessionId, userId: "ada" }));
    await Promise.all(both);
    await plug.run("four", { sessionId, userId: "ada" });
    expect(new Set(plug.shown)).toEqual(new Set(["ONE", "TWO", "THREE"]));
    const session = await plug.getSession({ sessionId, userId: "ada" });
    expect(session?.runs).toHaveLength(4);
    for (const run of session?.runs ?? []) {
      expect(run).toMatchObject({ status: "COMPLETED", userId: "ada", agentId: "plug" });
    }
    expect(session?.sessionState).toEqual({ turns: 4 });
    expect(session?.sessionData).toMatchObject({ session_metrics: { total_tokens: 4 } });
    expect(await plug.renameSession({ sessionId, autogenerate: true })).toMatchObject({ sessionName: "4 runs" });
  });

  test("refuses another user before it works", async () => {
    const plug = new Plug({ db: new InMemorySessionDb() });
    const sessionId = "s";
    await plug.run("mine", { sessionId, userId: "ada" });
    plug.shown = ["nothing"];
    await expect(plug.run("mine?", { sessionId, userId: "eve" })).rejects.toThrow(SessionOwnershipError);
    expect(plug.shown).toEqual(["nothing"]);
  });

  test("rejects with the error of its work, and stores the run", async () => {
    const db = new InMemorySessionDb();
    const failure = new Error("no answer");
    const plug = new Plug({ db, sessionId: "s" }, () => {
      throw failure;
    });
    await expect(plug.run("hello")).rejects.toBe(failure);
    expect((await db.getSession({ sessionId: "s" }))?.runs).toMatchObject([{ status: "ERROR" }]);
  });

  test("is cancelled by its id, also if its work does not listen", async () => {
    const db = new InMemorySessionDb();
    const plug = new Plug({ id: "plug", db, sessionId: "s" }, async (_input, { runId, signal }) => {
      await expect.poll(() => db.getRun({ runId })).not.toBeNull();
      expect(await new Plug({ id: "plug", db }).cancelRun({ runId })).toBe(true);
      expect(signal.reason).toMatchObject({ code: "RUN_CANCELLED", runId });
      return "too late";
    });
    await expect(plug.run("hello")).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    const stored = { status: "CANCELLED", content: "too late" };
    expect((await db.getSession({ sessionId: "s" }))?.runs).toMatchObject([stored]);
    expect((await db.getSession({ sessionId: "s" }))?.sessionData).toMatchObject({
      session_metrics: { total_tokens: 1 },
    });
  });

  test("is aborted when its run cannot be stored, and rejects with the storage's error", async () => {
    const failure = new Error("no store");
    const db = failing("upsertRun", failure);
    let reason: unknown = null;
    const plug = new Plug({ db, sessionId: "s" }, async (_input, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      reason = signal.reason;
      return "too late";
    });
    await expect(plug.run("hello")).rejects.toBe(failure);
    expect(reason).toBe(failure);
  });

  test("answers without history when the session cannot be read and `continue` is set", async () => {
    const plug = new Plug({
      db: failing("getSession", new Error("no store")),
      sessionId: "s",
      onStorageError: "continue",
    });
    expect(await plug.run("hello")).toMatchObject({ status: "COMPLETED", content: "You said: hello" });
    expect(plug.shown).toEqual([]);
  });

  test("is a step of a workflow", async () => {
    const db = new InMemorySessionDb();
    const flow = new Workflow({ db, id: "flow", steps: [step({ name: "say", run: new Plug({ id: "plug" }) })] });
    const { content, runId, run } = await flow.run("hello", { sessionId: "w" });
    expect(content).toBe("You said: hello");
    expect(run.stepExecutorRuns).toMatchObject([
      { agentId: "plug", parentRunId: runId, workflowStepId: "say", sessionId: "w", status: "COMPLETED" },
    ]);
  });
});

describe("a signal that aborts while the storage is silent", () => {
  test.each(["throw", "continue"] as const)("ends the run at once, with onStorageError: %s", async (onStorageError) => {
    const db = new InMemorySessionDb();
    db.getSession = (() => new Promise(() => {})) as SessionDb["getSession"];
    const plug = new Plug({ id: "p", db, onStorageError });
    const started = performance.now();
    await expect(plug.run("Hi", { sessionId: "s", signal: AbortSignal.timeout(30) })).rejects.toThrow("timeout");
    expect(performance.now() - started).toBeLessThan(5_000);
    expect((await db.getRuns({ sessionId: "s" })).runs).toEqual([]);
  });
});
