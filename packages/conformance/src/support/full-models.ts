import type { AgentRun, SessionInit, SessionSummary, TeamRun, WorkflowRun } from "@sessiondb/core";
import { start } from "./data.ts";
import { extra, media, message, metrics, tool } from "./full-parts.ts";

type StepOutput = NonNullable<WorkflowRun["stepResults"]>[number];

// Models with every property set, as in full-parts.ts.

const base = {
  userId: "user",
  parentRunId: "parent",
  createdAt: start + 10,
  content: { answer: 42, list: [1, 2.5, null, true] },
  contentType: "Answer",
  images: [media],
  videos: [media],
  audio: [media],
  files: [media],
  responseAudio: media,
  events: [{ event: "RunStarted", created_at: start }],
  metadata: { trace: "t-1" },
  workflowStepId: "step-1",
  queueAttempt: 2,
  extra,
};

const conversation = {
  ...base,
  input: { inputContent: "hi", images: [media], videos: [media], audios: [media], files: [media], extra },
  messages: [message, { ...message, id: "message-2", role: "tool", content: "sunny" }],
  additionalInput: [message],
  reasoningContent: "thinking",
  reasoningSteps: [{ title: "first", confidence: 0.9 }],
  reasoningMessages: [message],
  tools: [tool],
  metrics,
  model: "gpt",
  modelProvider: "openai",
  modelProviderData: { id: "resp-1" },
  sessionState: { cart: ["apple"] },
  requirements: [{ id: "req-1" }],
  citations: { urls: [] },
  references: [{ query: "weather" }],
  followups: ["and tomorrow?"],
  lastCheckpointAtMessageIndex: 1,
  forkedFromMessageIndex: 0,
  forkedFromRunId: "run-0",
  forkedFromSessionId: "session-0",
  regeneratedFrom: "run-00",
};

/** Returns a run inside another, as complete as a store would make it. */
function nestedRun(runId: string, { runId: parentRunId, sessionId }: Place): AgentRun {
  return {
    runId,
    sessionId,
    parentRunId,
    runType: "agent",
    agentId: "member",
    status: "COMPLETED",
    createdAt: start + 20,
    content: "nested",
    contentType: "str",
    messages: [message],
    extra,
  };
}

const step: Required<StepOutput> = {
  content: "done",
  stepName: "research",
  stepId: "step-1",
  stepType: "Step",
  executorType: "agent",
  executorName: "researcher",
  stepRunId: "run-1",
  images: [media],
  videos: [media],
  audio: [media],
  files: [media],
  metrics,
  success: true,
  error: "none",
  stop: false,
  isPaused: false,
  steps: [{ content: "inner", stepName: "inner" }],
  extra,
};

interface Place {
  runId: string;
  sessionId: string;
}

function fullAgentRun({ runId, sessionId }: Place): Required<AgentRun> {
  const identity = { runId, sessionId, runType: "agent", agentId: "agent", agentName: "Agent" } as const;
  return { ...conversation, ...identity, workflowId: "workflow", status: "COMPLETED" };
}

function fullTeamRun({ runId, sessionId }: Place): Required<TeamRun> {
  const memberResponses = [nestedRun(`${runId}-member`, { runId, sessionId })];
  const identity = { runId, sessionId, runType: "team", teamId: "team", teamName: "Team" } as const;
  return { ...conversation, ...identity, memberResponses, status: "PAUSED" };
}

function fullWorkflowRun({ runId, sessionId }: Place): Required<WorkflowRun> {
  const stepMetrics = { stepName: "research", executorType: "agent", executorName: "researcher", metrics, extra };
  return {
    ...base,
    runId,
    sessionId,
    runType: "workflow",
    workflowId: "workflow",
    workflowName: "Workflow",
    status: "ERROR",
    input: { topic: "weather", depth: [1, 2] },
    stepResults: [step],
    stepExecutorRuns: [nestedRun(`${runId}-step`, { runId, sessionId })],
    workflowAgentRun: nestedRun(`${runId}-agent`, { runId, sessionId }),
    metrics: { steps: { research: stepMetrics }, duration: 2.5, extra },
    stepRequirements: [{ step_id: "step-1" }],
    errorRequirements: [{ step_id: "step-2" }],
    pausedStepIndex: 1,
    pausedStepName: "review",
    pauseKind: "step",
  };
}

/** The functions that return a run of each kind with every field set. */
export const fullRuns = { agent: fullAgentRun, team: fullTeamRun, workflow: fullWorkflowRun } as const;

const summary: Required<SessionSummary> = {
  summary: "they talked about the weather",
  topics: ["weather", "plans"],
  updatedAt: "2024-01-02T03:04:05.678901",
  extra,
};

/** Returns a session with every field set and one run of each kind. */
export function fullSession(sessionId: string, sessionType: SessionInit["sessionType"]) {
  return {
    sessionId,
    sessionType,
    agentId: "agent",
    teamId: "team",
    workflowId: "workflow",
    userId: "user",
    sessionData: {
      session_name: "Weather",
      session_state: { count: 3 },
      session_metrics: { total_tokens: 9 },
      own: [],
    },
    agentData: { name: "Agent", model: { id: "gpt" } },
    teamData: { name: "Team", mode: "route" },
    workflowData: { name: "Workflow", steps: [] },
    metadata: { tags: ["a", "b"], nested: { deep: { deeper: null } } },
    summary,
    runs: [
      fullAgentRun({ runId: `${sessionId}-agent-run`, sessionId }),
      fullTeamRun({ runId: `${sessionId}-team-run`, sessionId }),
      fullWorkflowRun({ runId: `${sessionId}-workflow-run`, sessionId }),
    ],
    createdAt: start + 5,
    updatedAt: start + 6,
  } satisfies Omit<Required<SessionInit>, "extra">;
}
