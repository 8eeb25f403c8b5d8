import { describe, expect, test } from "vitest";
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from "../src/json.ts";
import { decodeLegacyRuns, decodeRun, encodeRun, mergeRuns, type StoredRun } from "../src/models/run-codec.ts";
import { decodeSession, encodeSession } from "../src/models/session-codec.ts";
import type { Session } from "../src/models/sessions.ts";
import type { SessionRow } from "../src/rows.ts";
import {
  canonical,
  rawSessions,
  readFixture,
  recordedSessions,
  recordings,
  type RawRun,
  type RawSession,
  type RecordedSession,
} from "./fixtures.ts";

const recorded: [string, RecordedSession][] = recordings.flatMap((name) =>
  recordedSessions(name).map((session): [string, RecordedSession] => [`${name} ${session.session_id}`, session]),
);

describe("sessions of the framework", () => {
  test.each(rawSessions())("%s is read and written back without loss", (_, raw) => {
    const session = read(raw);
    expect(canonical(session.toJSON())).toBe(canonical(expectedJson(raw)));

    const row = encodeSession(session, { now: 1 });
    expect(row).toMatchObject({ sessionId: raw.session_id, sessionType: raw.session_type, createdAt: raw.created_at });
    for (const [name, column] of [
      ["sessionData", raw.session_data ?? {}],
      ["agentData", raw.agent_data],
      ["teamData", raw.team_data],
      ["workflowData", raw.workflow_data],
      ["metadata", raw.metadata],
      ["summary", raw.summary],
    ] as const) {
      expect(canonical(parseJson(row[name], name, null))).toBe(canonical(column));
      expect(row[name]).not.toBe("null");
    }
  });

  test.each(rawSessions())("%s keeps its runs when they are rewritten", (_, raw) => {
    const session = read(raw);
    for (const [index, run] of session.runs.entries()) {
      const row = encodeRun(run, session, { now: 1 });
      expectSubset(expectedRun(raw.runs?.[index] as JsonObject, raw), JSON.parse(row.runData) as JsonObject);
    }
  });
});

describe("run rows of the framework", () => {
  const rows = recorded.flatMap(([name, { run_rows = [] }]) =>
    run_rows.map((row): [string, RawRun] => [`${name} ${row.run_id}`, row]),
  );

  test.each(rows)("%s is read and written back, columns included", (_, raw) => {
    const stored = storedRun(raw);
    const run = decodeRun(stored);
    expect(run.extra).toBeUndefined();
    const row = encodeRun(run, { sessionId: stored.sessionId, userId: "somebody else" }, { now: 1 });
    const { runData, runIndex, updatedAt, ...columns } = row;
    const { runData: _data, ...expected } = stored;
    expect(columns).toEqual(expected);
    expect({ runIndex, updatedAt }).toEqual({ runIndex: null, updatedAt: 1 });
    expectSubset(raw.run_data, JSON.parse(runData) as JsonObject);
  });
});

describe("the results of the framework's own methods", () => {
  test.each(recorded.filter(([, { history }]) => history !== undefined))("%s", (_, session) => {
    const { raw, history, chat_history } = session;
    const decoded = read(raw);
    if (decoded.sessionType === "workflow") {
      throw new Error("Workflows have no recorded history");
    }
    expect(
      decoded.messages.map(({ content = null, role, toolCallId = null, toolCalls = null }) => ({
        content,
        role,
        tool_call_id: toolCallId,
        tool_calls: toolCalls,
      })),
    ).toEqual(history);
    expect(decoded.getChatHistory().map(({ content = null, role }) => ({ content, role }))).toEqual(chat_history);
    expect(decoded.constructor.name).toBe(session.class);
  });

  test("the history a workflow gave to its second run", () => {
    const session = read(readFixture("agno-2/workflow-session") as RawSession);
    if (session.sessionType !== "workflow") {
      throw new Error("Not a workflow");
    }
    session.runs.pop();
    const context = session.getWorkflowHistoryContext();
    expect(context).toBe(
      "<workflow_history_context>\n[Workflow Run-1]\nUser input: Write about cats\nWorkflow output: DRAFT TEXT ONE.\n\n</workflow_history_context>\n",
    );
    // The same text is in what the framework recorded as the input of the step.
    expect(JSON.stringify(readFixture("agno-2/workflow-session"))).toContain(JSON.stringify(context).slice(1, -1));
  });

  test("the legacy column and the rows of one session merge as the framework merged them", () => {
    for (const [, { raw, run_rows = [] }] of recorded) {
      const legacy = decodeLegacyRuns(JSON.stringify(raw.runs), sessionRow(raw));
      const merged = mergeRuns(
        legacy,
        run_rows.map((row) => decodeRun(storedRun(row))),
      );
      expect(merged.map(({ runId }) => runId)).toEqual((raw.runs ?? []).map((run) => run["run_id"]));
    }
  });
});

function sessionRow(raw: RawSession): SessionRow {
  return {
    sessionId: raw.session_id,
    sessionType: raw.session_type,
    userId: raw.user_id,
    agentId: raw.agent_id,
    teamId: raw.team_id,
    workflowId: raw.workflow_id,
    sessionData: raw.session_data,
    agentData: raw.agent_data,
    teamData: raw.team_data,
    workflowData: raw.workflow_data,
    metadata: raw.metadata,
    summary: raw.summary,
    createdAt: raw.created_at,
    updatedAt: raw.updated_at,
  };
}

function read(raw: RawSession): Session {
  const row = sessionRow(raw);
  return decodeSession(row, decodeLegacyRuns(raw.runs, row));
}

function storedRun(raw: RawRun): StoredRun {
  const column = (key: string) => (raw[key] ?? null) as string | null;
  return {
    runId: raw.run_id,
    sessionId: raw["session_id"] as string,
    runType: raw["run_type"] as string,
    agentId: column("agent_id"),
    teamId: column("team_id"),
    workflowId: column("workflow_id"),
    userId: column("user_id"),
    parentRunId: column("parent_run_id"),
    status: column("status"),
    runData: raw.run_data,
    createdAt: raw.created_at,
  };
}

/** What reading adds on purpose: a run belongs to its session and, unless it says otherwise, to the session's user. */
function expectedRun(run: JsonObject, raw: RawSession): JsonObject {
  const userId = run["user_id"] ?? raw.user_id;
  return { ...run, session_id: raw.session_id, ...(userId !== null && { user_id: userId }) };
}

function expectedJson(raw: RawSession): JsonObject {
  return { ...raw, session_data: raw.session_data ?? {}, runs: (raw.runs ?? []).map((run) => expectedRun(run, raw)) };
}

/** Everything expected is there, level by level; writing may have added keys, but only where the original had none. */
function expectSubset(expected: JsonValue, actual: JsonValue): void {
  expect(canonical(restrictedTo(expected, actual))).toBe(canonical(expected));
}

/** `actual` without the keys that `shape` does not have. */
function restrictedTo(shape: JsonValue, actual: JsonValue): unknown {
  if (Array.isArray(shape) && Array.isArray(actual)) {
    return actual.map((item, index) => restrictedTo(shape[index] ?? null, item));
  }
  if (!isJsonObject(shape) || !isJsonObject(actual)) {
    return actual;
  }
  return Object.fromEntries(
    Object.entries(shape).map(([key, value]) => [key, restrictedTo(value, actual[key] ?? null)]),
  );
}
