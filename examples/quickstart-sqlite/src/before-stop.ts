import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { UserSessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { answer, questions } from "./scripted-model.ts";
import { showConversation, showMessage, showSessions } from "./show.ts";
import { chapter, detail, gap, say, tell } from "./terminal.ts";

const user = "user-1";
const agentSession = { sessionType: "agent", sessionId: "sess-agent-1", agentId: "weather-agent" } as const;
const teamSession = { sessionType: "team", sessionId: "sess-team-1", teamId: "team-1" } as const;
const workflowSession = { sessionType: "workflow", sessionId: "sess-wf-1", workflowId: "wf-1" } as const;

/** Everything up to the stop. What the sessions look like then goes to `expected`, for comparison after it. */
export async function beforeStop(file: string, expected: string): Promise<void> {
  await using db = new SqliteSessionDb({ file });
  const mine = db.forUser(user);

  chapter("A database that Agno wrote");
  tell("This file comes from Agno 2.9, the Python framework. These are its sessions:");
  gap();
  showSessions((await mine.getSessions({ includeRuns: true })).sessions);
  gap();
  const session = await mine.getSession({ sessionId: agentSession.sessionId });
  if (session === null) {
    throw new Error(`${file} has no session ${agentSession.sessionId}`);
  }
  showConversation(session);

  chapter("The conversation goes on");
  tell(
    "Each turn reads the newest ten runs as history and stores one run. The model is a script: it knows nothing else.",
  );
  for (const question of questions) {
    await turn(mine, question);
  }

  chapter("A team and a workflow move in");
  tell("Two more files that Agno wrote hold one session each. Both are copied into the first file and go on there.");
  for (const name of ["agno-2-team.db", "agno-2-workflow.db"]) {
    await copySessions(name, db);
  }
  await teamTurn(mine);
  await workflowTurn(mine);
  gap();
  const { sessions } = await mine.getSessions({ includeRuns: true });
  showSessions(sessions);

  writeFileSync(expected, JSON.stringify(sessions));
  chapter("Stop");
  tell(`Process ${process.pid} closes the database and ends. Nothing is left in memory.`);
}

async function turn(mine: UserSessionDb, question: string): Promise<void> {
  const history = await mine.getSession({ sessionId: agentSession.sessionId, runsLimit: 10 });
  const messages = answer(question, history?.messages ?? []);
  await mine.upsertRun({
    session: agentSession,
    run: {
      runType: "agent",
      runId: crypto.randomUUID(),
      input: { inputContent: question },
      messages,
      content: messages.at(-1)?.content ?? null,
    },
    change: ({ sessionState }) => ({ sessionState: { ...sessionState, visits: Number(sessionState["visits"]) + 1 } }),
  });
  const state = (await mine.getSession({ sessionId: agentSession.sessionId, includeRuns: false }))?.sessionState;
  gap();
  detail(`history: ${history?.messages.length} messages of ${history?.runs.length} runs`);
  messages.forEach(showMessage);
  detail(`stored; the session's state is now ${JSON.stringify(state)}`);
}

async function copySessions(name: string, db: SqliteSessionDb): Promise<void> {
  const file = fileURLToPath(new URL(`../data/${name}`, import.meta.url));
  await using source = new SqliteSessionDb({ file, readonly: true });
  const { sessions } = await source.getSessions({ includeRuns: true });
  await db.upsertSessions(sessions);
}

/** The run of a team's member is a run of its own, and says which run it is a part of. */
async function teamTurn(mine: UserSessionDb): Promise<void> {
  const [runId, input, output] = [crypto.randomUUID(), "And tomorrow?", "The analyst expects 44."];
  await mine.upsertRun({
    session: teamSession,
    run: {
      runType: "agent",
      runId: crypto.randomUUID(),
      parentRunId: runId,
      agentId: "analyst",
      content: "Member says: 44 tomorrow.",
    },
  });
  await mine.upsertRun({
    session: teamSession,
    run: { runType: "team", runId, input: { inputContent: input }, content: output },
  });
  gap();
  say("input", input, "yellow");
  say("team", output);
}

async function workflowTurn(mine: UserSessionDb): Promise<void> {
  const [input, output] = ["Write about birds", "DRAFT TEXT THREE."];
  await mine.upsertRun({
    session: workflowSession,
    run: {
      runType: "workflow",
      runId: crypto.randomUUID(),
      input,
      content: output,
      stepResults: [{ stepName: "draft", stepType: "Step", executorType: "agent", content: "Draft text three." }],
    },
  });
  say("input", input, "yellow");
  say("workflow", output);
}
