import type { JsonValue, Run } from "@sessiondb/core";
import {
  decodeLegacyRuns,
  jsonElements,
  parseJson,
  toJsonText,
  type RunRow,
  type SessionRow,
} from "@sessiondb/core/adapter";

/** A row of a sessions table that Agno 2 made; `runs` is as returned by the driver. */
export type LegacyRow = Pick<SessionRow, "sessionId" | "sessionType" | "userId" | "createdAt"> & {
  readonly runs: unknown;
};

/** One run of a `runs` column, with its own JSON text, since numbers beyond a double's precision survive only there. */
export interface LegacyRun {
  readonly run: Run;
  readonly text: string;
}

/** The runs of the column. Of several with one id, the last is kept, in the place of the first. */
export function legacyRuns(row: LegacyRow, location: string): LegacyRun[] {
  const runs = new Map<string, LegacyRun>();
  for (const { json, text } of entriesOf(row, location)) {
    const [run] = decodeLegacyRuns([json], row);
    if (run !== undefined) {
      runs.set(run.runId, { run, text });
    }
  }
  return [...runs.values()];
}

/** The column without some runs. All other entries stay as they were, including those that are not runs. */
export function withoutRuns(row: LegacyRow, location: string, runIds: ReadonlySet<string>): string {
  const kept = entriesOf(row, location).filter(({ json }) => {
    const [run] = decodeLegacyRuns([json], row);
    return run === undefined || !runIds.has(run.runId);
  });
  return `[${kept.map(({ text }) => text).join(",")}]`;
}

/** The row of a copied run, its JSON unchanged. */
export function rowOfLegacyRun({ run, text }: LegacyRun, row: LegacyRow, runIndex: number): RunRow<string> {
  const createdAt = Math.floor(run.createdAt ?? row.createdAt);
  return {
    ...listedColumns(run),
    sessionId: row.sessionId,
    runType: run.runType,
    runIndex,
    runData: text,
    createdAt,
    updatedAt: createdAt,
  };
}

/** The columns of a run that lists examine, apart from its time. */
export function listedColumns(run: Run) {
  return {
    runId: run.runId,
    userId: run.userId ?? null,
    status: run.status ?? null,
    parentRunId: run.parentRunId ?? null,
    agentId: run.runType === "agent" ? (run.agentId ?? null) : null,
    teamId: run.runType === "team" ? (run.teamId ?? null) : null,
    workflowId: run.runType === "team" ? null : (run.workflowId ?? null),
  };
}

interface Entry {
  readonly json: JsonValue;
  readonly text: string;
}

function entriesOf({ runs, sessionId }: LegacyRow, location: string): Entry[] {
  const list = parseJson(runs, location, sessionId);
  if (!Array.isArray(list)) {
    return [];
  }
  const texts = jsonElements(textOf(runs));
  return list.map((json, index) => {
    const text = texts.length === list.length ? texts[index] : undefined;
    return { json, text: text ?? toJsonText(json, location) };
  });
}

/** The text of the list, unwrapped from the strings it was encoded into; empty if the driver parsed it. */
function textOf(stored: unknown): string {
  let text = stored instanceof Uint8Array ? new TextDecoder().decode(stored) : stored;
  while (typeof text === "string" && text.trimStart().startsWith('"')) {
    text = JSON.parse(text) as unknown;
  }
  return typeof text === "string" ? text : "";
}
