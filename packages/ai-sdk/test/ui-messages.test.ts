import { readFileSync, readdirSync } from "node:fs";
import type { JsonObject, JsonValue, Message, Run } from "@sessiondb/core";
import { decodeRun, isJsonObject } from "@sessiondb/core/adapter";
import { validateUIMessages } from "ai";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { titleOf, toUIMessages } from "../src/index.ts";

const anything = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<never>;
const ids = fc.constantFrom("c1", "c2", "");
const part = fc.oneof(
  anything,
  fc.record(
    {
      type: fc.constantFrom(
        "text",
        "reasoning",
        "file",
        "image",
        "tool-call",
        "tool-result",
        "source",
        "custom",
        "reasoning-file",
      ),
      text: fc.oneof(fc.string(), anything),
      toolCallId: fc.oneof(ids, anything),
      toolName: fc.oneof(fc.constantFrom("f", ""), anything),
      input: anything,
      output: fc.oneof(
        anything,
        fc.record({ type: fc.constantFrom("text", "json", "error-text", "content"), value: anything }),
      ),
      data: fc.oneof(fc.string(), anything),
      mediaType: fc.oneof(fc.constant("image/png"), anything),
      providerOptions: fc.oneof(anything, fc.record({ p: fc.record({ a: anything }) })),
      providerExecuted: anything,
      sourceType: fc.constantFrom("url", "document"),
      id: anything,
      url: fc.oneof(fc.constant("https://example.com"), anything),
      title: anything,
      shown: fc.oneof(
        anything,
        fc.record({ title: anything, dynamic: anything, invalid: anything, toolMetadata: anything }),
      ),
      media: fc.oneof(anything, fc.tuple(fc.constant("files"), fc.nat(2))),
    },
    { requiredKeys: ["type"] },
  ),
);
const message = fc.record(
  {
    role: fc.constantFrom("system", "user", "assistant", "model", "developer", "tool", "other"),
    id: fc.oneof(fc.string(), anything),
    content: anything,
    toolCalls: fc.oneof(
      anything,
      fc.array(fc.record({ id: ids, function: fc.record({ name: fc.constant("f"), arguments: anything }) })),
    ),
    toolCallId: fc.oneof(ids, anything),
    toolName: anything,
    toolCallError: anything,
    reasoningContent: anything,
    images: anything,
    files: fc.oneof(anything, fc.array(fc.record({ content: fc.string(), url: anything, mimeType: anything }))),
    providerData: fc.oneof(
      anything,
      fc.record({
        ai_sdk: fc.oneof(
          anything,
          fc.record({ parts: fc.array(part), output: anything, options: anything }, { requiredKeys: [] }),
        ),
      }),
    ),
  },
  { requiredKeys: ["role"] },
) as fc.Arbitrary<Message>;
const execution = fc.record(
  {
    toolCallId: fc.oneof(ids, anything),
    approvalId: fc.oneof(fc.string(), anything),
    requiresConfirmation: anything,
    confirmed: fc.oneof(fc.boolean(), anything),
    confirmationNote: anything,
    externalExecutionRequired: anything,
  },
  { requiredKeys: [] },
) as fc.Arbitrary<never>;

describe("messages of stored runs", () => {
  test("are accepted by the AI SDK, whatever is stored", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { maxLength: 6 }),
        fc.array(execution, { maxLength: 3 }),
        async (messages, tools) => {
          const run: Run = { runType: "agent", runId: "r", messages, tools };
          const shown = toUIMessages({ runs: [run] }, { sendSources: true });
          if (shown.length > 0) {
            await validateUIMessages({ messages: shown });
          }
        },
      ),
      { numRuns: 600 },
    );
  });

  const folder = new URL("../../core/test/fixtures/agno-3/", import.meta.url);
  const recorded = readdirSync(folder).map((name) => {
    const rows = runsIn(JSON.parse(readFileSync(new URL(name, folder), "utf8")) as JsonValue);
    return [name, rows] as const;
  });

  test.each(recorded.filter(([, runs]) => runs.length > 0))(
    "of Agno's %s have all that was said",
    async (_name, rows) => {
      const runs = rows.map((runData) => decodeRun({ ...rowOf(runData), runData }));
      const shown = toUIMessages({ runs });
      await validateUIMessages({ messages: shown });
      const text = JSON.stringify(shown);
      for (const run of runs.filter(({ parentRunId }) => (parentRunId ?? null) === null)) {
        for (const { role, content, fromHistory, toolCalls } of run.runType === "workflow"
          ? []
          : (run.messages ?? [])) {
          const isSaid = role !== "system" && fromHistory !== true && typeof content === "string";
          const failed = role === "tool" && typeof content === "string" && content.startsWith("Error");
          expect(!isSaid || failed || text.includes(JSON.stringify(content).slice(1, -1))).toBe(true);
          for (const call of toolCalls ?? []) {
            expect(text).toContain(JSON.stringify(call["id"]));
          }
        }
      }
    },
  );
});

/** Returns the documents of runs in what Agno's recorder wrote. */
function runsIn(value: JsonValue): JsonObject[] {
  if (Array.isArray(value)) {
    return value.flatMap(runsIn);
  }
  if (!isJsonObject(value)) {
    return [];
  }
  return "run_id" in value && "session_id" in value && "status" in value
    ? [value]
    : Object.values(value).flatMap((each) => runsIn(each ?? null));
}

/** Returns the columns of a run's row. */
function rowOf(run: JsonObject): Omit<Parameters<typeof decodeRun>[0], "runData"> {
  return {
    runId: run["run_id"],
    sessionId: run["session_id"],
    runType: "team_id" in run ? "team" : "workflow_id" in run ? "workflow" : "agent",
    createdAt: run["created_at"],
  } as never;
}

describe("the title of a chat", () => {
  const of = (...texts: string[]): string | null =>
    titleOf({ id: "m", role: "user", parts: texts.map((text) => ({ type: "text", text })) });

  test("is one line of its question", () => {
    expect(of("  How\n\nare", "you? ")).toBe("How are you?");
    expect(of()).toBeNull();
    expect(of(" \n")).toBeNull();
    expect(of("x".repeat(80))).toBe("x".repeat(80));
    expect(of("x".repeat(81))).toBe(`${"x".repeat(79)}…`);
    expect(of("👩‍👩‍👧‍👦".repeat(100))).toBe(`${"👩‍👩‍👧‍👦".repeat(79)}…`);
  });
});
