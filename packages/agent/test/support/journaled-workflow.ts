import { appendFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { SessionDb } from "@sessiondb/core";
import { Agent, step, Workflow, type WorkflowStep } from "@sessiondb/agent";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { tool } from "ai";
import { z } from "zod";
import { itself, places } from "./workflow-places.ts";

/** Opens a store that another process has too: a file, or a schema of a server. */
export function openShared([target = "", schema = ""]: readonly string[]): SessionDb & AsyncDisposable {
  return schema === "" ? new SqliteSessionDb({ file: target }) : new PostgresSessionDb({ url: target, schema });
}

/** What the step of interest is: a function, or an agent whose tool acts, at once or when it is approved. */
export const kinds = ["function", "agent", "approval"] as const;
export type Kind = (typeof kinds)[number];

interface JournaledOptions {
  readonly place: string;
  readonly kind: Kind;
  /** A file in which each step notes that it ran. */
  readonly journal: string;
  /** Returns what the step, or the model of its agent, waits for at last. */
  readonly reach: () => Promise<void>;
  /** The milliseconds that the other steps take. */
  readonly pause?: () => number;
}

const inputSchema = z.object({});

/** A workflow whose steps note in a file that they ran. */
export function journaledWorkflow(db: SessionDb, { place, kind, journal, reach, pause = () => 1 }: JournaledOptions) {
  const note = (name: string): void => appendFileSync(journal, `${name}\n`);
  const counted = (name: string): WorkflowStep =>
    step({
      name,
      run: async ({ previous, updateSessionState }) => {
        note(name);
        updateSessionState((state) => ({ ...state, [name]: Number(state[name] ?? 0) + 1 }));
        await wait(pause());
        return [previous, name].flat();
      },
    });
  const act = (needsApproval: boolean) =>
    tool({
      inputSchema,
      needsApproval,
      execute: () => {
        note("act");
        return "Acted";
      },
    });
  const answers: Answer[] = [{ calls: [{ name: "act", id: "c1" }] }];
  const model = scriptedModel(async ({ prompt }) => {
    const hasActed = prompt.some(({ role }) => role === "tool");
    if (hasActed) {
      await reach();
    }
    return hasActed ? "it" : (answers[0] ?? "it");
  });
  const it =
    kind === "function"
      ? itself(async () => {
          note("it");
          await reach();
          return "it";
        })
      : new Agent({ id: "it", model, tools: { act: act(kind === "approval") } });
  return new Workflow({ id: "flow", db, steps: places[place]?.(it, counted) ?? [], staleAfter: 1 });
}

export const approvals = [{ toolCallId: "c1", approved: true }];
