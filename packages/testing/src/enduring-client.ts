import { writeSync } from "node:fs";
import { SessionDbError, type SessionDb } from "@sessiondb/core";
import { agentRun, agentSession } from "./models.ts";

/** The times of an enduring client, in milliseconds, and what they bound each of its calls by. */
export const enduringTimes = { connectionTimeout: 1000, retryTimeout: 8000, statementTimeout: 1500 };
export const enduringBound = Object.values(enduringTimes).reduce((sum, time) => sum + time, 0);

/** One call of an enduring client, as it prints it. */
export interface EnduredCall {
  readonly kind: "count" | "turn";
  /** The session that counts, or the run. */
  readonly id: string;
  /** Null if the call was acknowledged; else the error's code, or the text of an error without one. */
  readonly error: string | null;
  /** Whether the error says that the outcome is unknown. */
  readonly isUnknown: boolean;
  readonly milliseconds: number;
}

const writers = 3;

/** Stores turns and counts, whatever fails, until it is told to stop. Prints each call as a line of JSON. */
export async function endure(db: SessionDb, name: string): Promise<void> {
  const stop = new AbortController();
  process.stdin.on("data", () => stop.abort());
  const call = async (kind: EnduredCall["kind"], id: string, run: () => Promise<unknown>): Promise<void> => {
    const start = performance.now();
    const error: unknown = await run().then(
      () => null,
      (cause: unknown) => cause,
    );
    const code = SessionDbError.isInstance(error) ? error.code : String(error);
    const isUnknown = SessionDbError.isInstance(error) && error.message.includes("is unknown");
    const milliseconds = Math.round(performance.now() - start);
    const line: EnduredCall = { kind, id, error: error === null ? null : code, isUnknown, milliseconds };
    writeSync(1, `${JSON.stringify(line)}\n`);
  };
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const counter = `${name}.${writer}`;
      await db.upsertSession(agentSession(counter));
      for (let index = 0; !stop.signal.aborted; index += 1) {
        const runId = `${counter}-${index}`;
        await call("turn", runId, () => db.upsertRun({ session: agentSession("shared"), run: agentRun(runId) }));
        await call("count", counter, () =>
          db.updateSession({ sessionId: counter }, ({ sessionState }) => ({
            sessionState: { count: Number(sessionState["count"] ?? 0) + 1 },
          })),
        );
      }
    }),
  );
  await db.close();
  process.stdin.destroy();
}
