import { readdirSync, readFileSync } from "node:fs";
import type { JsonObject, JsonValue, RunType } from "@sessiondb/core";
import { decodeRun, isJsonObject } from "@sessiondb/core/adapter";

/** The document of a run, as stored. */
export interface SampleRun {
  readonly runType: RunType;
  readonly document: JsonObject;
}

const fixtures = new URL("../../packages/core/test/fixtures/", import.meta.url);

/** Every run that the real Agno wrote into the fixtures of core. */
export function sampleRuns(): SampleRun[] {
  const files = readdirSync(fixtures, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"));
  const texts = new Set<string>();
  for (const file of files.toSorted()) {
    for (const run of runsIn(JSON.parse(readFileSync(new URL(file, fixtures), "utf8")) as JsonValue)) {
      texts.add(JSON.stringify(run));
    }
  }
  return [...texts].map((text) => {
    const document = JSON.parse(text) as JsonObject;
    return { runType: decodeRun(rowOfRun(document)).runType, document };
  });
}

/** The row of a run, as a driver returns it, its document parsed. */
export function rowOfRun(document: JsonObject) {
  return {
    runId: document["run_id"] as string,
    sessionId: "session",
    runType: "agent",
    userId: null,
    parentRunId: null,
    status: null,
    createdAt: Number(document["created_at"]),
    runData: document,
  };
}

/** What the framework's methods returned, beside what it stored. */
const notStored = new Set(["object", "history", "chat_history"]);

function runsIn(value: JsonValue): JsonObject[] {
  if (Array.isArray(value)) {
    return value.flatMap(runsIn);
  }
  if (!isJsonObject(value)) {
    return [];
  }
  return typeof value["run_id"] === "string" && value["run_data"] === undefined
    ? [value]
    : Object.entries(value).flatMap(([key, each]) => (notStored.has(key) ? [] : runsIn(each)));
}

/** The lists by which a run grows. */
const growing = ["messages", "tools", "events", "member_responses", "step_results", "step_executor_runs"];

/** A run of this many bytes, whose lists repeat the elements of a sample's. */
export function grownRun(document: JsonObject, bytes: number): JsonObject {
  const lists = growing.flatMap((key): [string, JsonValue[]][] => {
    const list = document[key];
    return Array.isArray(list) && list.length > 0 ? [[key, list]] : [];
  });
  const grown: JsonObject = { ...document, ...Object.fromEntries(lists.map(([key]) => [key, []])) };
  let size = JSON.stringify(grown).length;
  for (let place = 0; size < bytes; place += 1) {
    for (const [key, list] of lists) {
      const element = list[place % list.length] ?? null;
      (grown[key] as JsonValue[]).push(element);
      size += JSON.stringify(element).length + 1;
      if (size >= bytes) {
        break;
      }
    }
  }
  return grown;
}
