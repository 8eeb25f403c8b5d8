import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { JsonObject } from "../src/json.ts";
import { agentRunKeys, teamRunKeys, workflowRunKeys } from "../src/models/agno-reads.ts";
import type { Message } from "../src/models/messages.ts";
import { decodeRunJson, encodeRunJson } from "../src/models/run-shapes.ts";
import type { Run } from "../src/models/runs.ts";
import { Shape, type FieldTable } from "../src/models/shape.ts";
import { anyRun } from "./any-run.ts";
import { canonical, rawSessions } from "./fixtures.ts";

function roundTrip(json: JsonObject): JsonObject {
  return encodeRunJson(decodeRunJson(json, "agent") as Run, ["run"]);
}

const readsOf = { agent: agentRunKeys, team: teamRunKeys, workflow: workflowRunKeys };

/** Null is absent, and workflow metrics get the steps that Agno cannot do without. */
function comparable(run: Run | undefined): string {
  const text = JSON.stringify(run, (key, value: unknown) =>
    value === null || (key === "steps" && JSON.stringify(value) === "{}") ? undefined : value,
  );
  return canonical(JSON.parse(text) as JsonObject);
}

describe("the shape of runs", () => {
  test("loses nothing of any JSON", () => {
    fc.assert(
      fc.property(anyRun, (json) => {
        expect(comparable(decodeRunJson(roundTrip(json), "agent"))).toBe(comparable(decodeRunJson(json, "agent")));
      }),
      { numRuns: 500 },
    );
  });

  test("writes any JSON in a form that Agno can read", () => {
    fc.assert(
      fc.property(anyRun, (json) => {
        const encoded = roundTrip(json);
        const { runType } = decodeRunJson(json, "agent") as Run;
        const unread = Object.entries(readsOf[runType]).filter(
          ([key, reads]) => encoded[key] !== undefined && !reads(encoded[key]),
        );
        expect(unread.map(([key]) => key)).toEqual([]);
        expect(canonical(roundTrip(encoded))).toBe(canonical(encoded));
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, JsonObject, JsonObject]>([
    ["a fraction", { created_at: 1.5 }, { created_at: 1, sessiondb_aside: { created_at: 1.5 } }],
    ["content that is not text", { content: { a: 1 } }, { content: '{"a":1}', sessiondb_aside: { content: { a: 1 } } }],
    ["another shape", { citations: "text" }, { sessiondb_aside: { citations: "text" } }],
    ["another type of a key that the model knows", { name: 5 }, { sessiondb_aside: { name: 5 } }],
    ["another type of a key that it does not know", { temporary: 5 }, { sessiondb_aside: { temporary: 5 } }],
    [
      "a type of file",
      { files: [{ id: "f", mime_type: "text/yaml" }] },
      { files: [{ id: "f", mime_type: "text/plain", sessiondb_aside: { mime_type: "text/yaml" } }] },
    ],
    ["media without data", { images: [{ id: "i" }] }, { sessiondb_aside: { images: [{ id: "i" }] } }],
    ["null", { from_history: null }, {}],
  ])("sets %s aside in a message, and returns it where it was", (_, given, stored) => {
    const message = { role: "user", ...given };
    const json = { run_id: "r", agent_id: "a", messages: [message] };
    const encoded = roundTrip(json);
    expect(encoded["messages"]).toEqual([{ role: "user", ...stored }]);
    expect(comparable(decodeRunJson(encoded, "agent"))).toBe(comparable(decodeRunJson(json, "agent")));
  });

  test("sets aside what Agno would take for a run of an agent, and is none", () => {
    const inner = { run_id: "r", workflow_id: "w", requirements: { a: 1 } };
    const json = { run_id: "r", workflow_name: "w", workflow_agent_run: inner };
    const encoded = roundTrip(json);
    expect(encoded).toMatchObject({ sessiondb_aside: { workflow_agent_run: inner } });
    expect(canonical(roundTrip(encoded))).toBe(canonical(encoded));
  });

  test("refuses its own key in extra", () => {
    const run: Run = { runType: "agent", runId: "r", messages: [{ role: "user", extra: { sessiondb_aside: {} } }] };
    expect(() => encodeRunJson(run, ["run"])).toThrow(
      expect.objectContaining({ argument: "run.messages[0].extra.sessiondb_aside" }),
    );
  });

  test("does not change its input", () => {
    fc.assert(
      fc.property(anyRun, (json) => {
        const before = canonical(json);
        const run = decodeRunJson(json, "agent") as Run;
        encodeRunJson(run, ["run"]);
        expect(canonical(json)).toBe(before);
      }),
    );
  });

  test.each(rawSessions())("loses nothing of %s", (_, session) => {
    for (const json of session.runs ?? []) {
      expect(canonical(roundTrip(json))).toBe(canonical(json));
    }
  });

  test("knows every key that the framework writes", () => {
    for (const [, session] of rawSessions()) {
      for (const json of session.runs ?? []) {
        expect(extrasIn(decodeRunJson(json, "agent"))).toEqual([]);
      }
    }
  });

  test("keeps unknown keys and values of unexpected types in extra, level by level", () => {
    const run = decodeRunJson(
      {
        run_id: "r",
        agent_id: "a",
        status: 5,
        mood: "good",
        session_state: [1],
        messages: [{ role: "user", content: "hi", starred: true, id: 7 }],
        metrics: { input_tokens: "many", watts: 2 },
        tools: [{ tool_name: "t" }, "odd"],
      },
      "agent",
    );
    expect(run).toEqual({
      runType: "agent",
      runId: "r",
      agentId: "a",
      messages: [{ role: "user", content: "hi", extra: { starred: true, id: 7 } }],
      metrics: { extra: { input_tokens: "many", watts: 2 } },
      extra: { status: 5, mood: "good", session_state: [1], tools: [{ tool_name: "t" }, "odd"] },
    });
  });

  test("keeps values raw if their model's required fields are missing", () => {
    const run = decodeRunJson(
      { run_id: "r", team_id: "t", messages: [{ content: "no role" }], member_responses: [{ agent_id: "a" }] },
      "agent",
    );
    expect(run).toEqual({
      runType: "team",
      runId: "r",
      teamId: "t",
      extra: { messages: [{ content: "no role" }], member_responses: [{ agent_id: "a" }] },
    });
  });

  test("has no extra if there is nothing to put there", () => {
    expect(decodeRunJson({ run_id: "r", agent_id: null }, "agent")).not.toHaveProperty("extra");
  });

  test("keeps __proto__, constructor and similar keys as data", () => {
    const json = JSON.parse(
      '{"run_id":"r","agent_id":"a","__proto__":{"polluted":1},"constructor":2,"messages":[{"role":"user","__proto__":3,"toString":4}]}',
    ) as JsonObject;
    expect(canonical(roundTrip(json))).toBe(canonical(json));
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    const steps = JSON.parse(
      '{"run_id":"w","workflow_id":"w","metrics":{"steps":{"__proto__":{"step_name":"s"}}}}',
    ) as JsonObject;
    expect(comparable(decodeRunJson(roundTrip(steps), "agent"))).toBe(comparable(decodeRunJson(steps, "agent")));
  });

  test("keeps values raw that are too deep for the stack", () => {
    let json: JsonObject = { run_id: "leaf", team_id: "t" };
    for (let depth = 0; depth < 20_000; depth += 1) {
      json = { run_id: `r${depth}`, team_id: "t", member_responses: [json] };
    }
    const run = decodeRunJson(json, "team") as Run;
    expect(encodeRunJson(run, ["run"])["run_id"]).toBe("r19999");
  });

  test.each<[string, JsonObject, Run["runType"]]>([
    ["agent_id", { agent_id: "a", team_id: "t", workflow_id: "w" }, "agent"],
    ["agent_id null", { agent_id: null, team_id: "t" }, "agent"],
    ["team_id", { team_id: "t", workflow_id: "w" }, "team"],
    ["workflow_id", { workflow_id: "w" }, "workflow"],
    ["agent_name", { agent_name: "a", workflow_id: "w" }, "agent"],
    ["team_name", { team_name: "a" }, "team"],
    ["workflow_name", { workflow_name: "a" }, "workflow"],
  ])("recognises the kind by %s", (_, json, runType) => {
    expect(decodeRunJson({ run_id: "r", ...json }, runType === "agent" ? "team" : "agent")?.runType).toBe(runType);
  });

  test.each(["agent", "team", "workflow"] as const)("falls back to %s", (runType) => {
    expect(decodeRunJson({ run_id: "r" }, runType)?.runType).toBe(runType);
  });
});

describe("encoding", () => {
  test.each<[string, unknown, string]>([
    ["an unknown property", { runType: "agent", runId: "r", run_id: "x" }, "run.run_id"],
    ["a wrong type", { runType: "agent", runId: "r", createdAt: "today" }, "run.createdAt"],
    ["a bigint", { runType: "agent", runId: "r", createdAt: 1n }, "run.createdAt"],
    [
      "a nested wrong type",
      { runType: "agent", runId: "r", messages: [{ role: "user" }, { role: "user", images: [{ url: 1 }] }] },
      "run.messages[1].images[0].url",
    ],
    ["no role", { runType: "agent", runId: "r", messages: [{ content: "x" }] }, "run.messages[0].role"],
    ["no run id", { runType: "agent" }, "run.runId"],
    ["a wrong list", { runType: "agent", runId: "r", messages: "hi" }, "run.messages"],
    ["a wrong item", { runType: "agent", runId: "r", messages: ["hi"] }, "run.messages"],
    ["a wrong extra", { runType: "agent", runId: "r", extra: 5 }, "run.extra"],
    [
      "a nested run of no kind",
      { runType: "team", runId: "r", memberResponses: [{ runId: "m" }] },
      "run.memberResponses[0].runType",
    ],
    [
      "a step's metrics",
      { runType: "workflow", runId: "r", metrics: { steps: { "a b": { stepName: 1 } } } },
      'run.metrics.steps["a b"].stepName',
    ],
  ])("refuses %s", (_, run, argument) => {
    expect(() => encodeRunJson(run as Run, ["run"])).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument }),
    );
  });

  test("leaves undefined out and prefers a property to the extra of the same key", () => {
    const run = {
      runType: "agent",
      runId: "r",
      status: "ERROR",
      model: undefined,
      extra: { status: 5, mine: 1 },
    } as unknown as Run;
    expect(encodeRunJson(run, ["run"])).toEqual({ run_id: "r", status: "ERROR", mine: 1 });
  });
});

test("a table that misses, misspells or mistypes a field does not compile", () => {
  interface Model {
    runId: string;
    fromHistory?: boolean | null;
    parts?: Message[] | null;
  }
  expectTypeOf<FieldTable<Model>>().toHaveProperty("run_id").toEqualTypeOf<"string">();
  expectTypeOf<FieldTable<Model>>().toHaveProperty("from_history").toEqualTypeOf<"boolean">();
  expectTypeOf<keyof FieldTable<Model>>().toEqualTypeOf<"run_id" | "from_history" | "parts">();
  // @ts-expect-error parts is missing
  void (() => new Shape<Model>({ run_id: "string", from_history: "boolean" }));
  // @ts-expect-error fromHistory is not a boolean here
  void (() => new Shape<Pick<Model, "runId" | "fromHistory">>({ run_id: "string", from_history: "string" }));
  // @ts-expect-error misspelt
  void (() => new Shape<Pick<Model, "runId">>({ runid: "string" }));
});

/** The paths of every `extra` inside a model. Raw JSON below it is left alone: it has keys of its own. */
function extrasIn(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([key, item]) =>
    key === "extra" ? [`${path}.${key}`] : extrasIn(item, `${path}.${key}`),
  );
}
