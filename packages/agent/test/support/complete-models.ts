import type { AgentRun, JsonObject, JsonValue, SessionInit, TeamRun, WorkflowRun } from "@sessiondb/core";
import fc from "fast-check";

// Arbitrary values for every property of a run and a session that others than the agent may have written.

/** What a run that goes on writes itself; what became of its messages and calls is looked at below. */
type Made =
  | "runType"
  | "runId"
  | "sessionId"
  | "status"
  | "content"
  | "contentType"
  | "reasoningContent"
  | "messages"
  | "tools"
  | "metrics"
  | "model"
  | "modelProvider"
  | "requirements"
  | "sessionState"
  | "agentId"
  | "agentName"
  | "teamId"
  | "teamName";

/** A property that is new in a run does not compile until it is here or above. */
type Kept<Run> = { [Key in Exclude<keyof Run, Made>]-?: fc.Arbitrary<NonNullable<Run[Key]>> };

export const text = fc
  .string({ minLength: 1, maxLength: 12, unit: "grapheme" })
  .filter((value) => !value.includes("\0"));
const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<JsonValue>;
const some = json.filter((value) => value !== null) as fc.Arbitrary<NonNullable<JsonValue>>;
const object: fc.Arbitrary<JsonObject> = fc.dictionary(text, json, { maxKeys: 3 });
const extra = object.map((keys) => Object.fromEntries(Object.entries(keys).map(([key, value]) => [`x_${key}`, value])));
export const list = <Item>(item: fc.Arbitrary<Item>) => fc.array(item, { maxLength: 2 });
const media = list(fc.record({ id: text, url: text, mimeType: fc.constant("image/png"), extra }));
const messages = list(fc.record({ role: fc.constantFrom("user", "assistant"), content: text, extra }));
const time = fc.integer({ min: 1, max: 2_000_000_000 });
const nested = fc.uuid().map((runId) => ({
  runType: "agent" as const,
  runId,
  agentId: "member",
  status: "COMPLETED",
  createdAt: 1,
  content: "Earlier",
}));

const conversation = {
  userId: text,
  parentRunId: text,
  createdAt: time,
  images: media,
  videos: media,
  audio: media,
  files: media,
  responseAudio: fc.record({ id: text, extra }),
  events: list(json),
  metadata: object,
  workflowStepId: text,
  queueAttempt: fc.nat(9),
  extra,
  input: fc.record({ inputContent: some, images: media, extra }),
  additionalInput: messages,
  reasoningSteps: list(json),
  reasoningMessages: messages,
  modelProviderData: object,
  citations: some,
  references: list(json),
  followups: list(text),
  lastCheckpointAtMessageIndex: fc.nat(9),
  forkedFromMessageIndex: fc.nat(9),
  forkedFromRunId: text,
  forkedFromSessionId: text,
  regeneratedFrom: text,
};
export const agentFields = { ...conversation, workflowId: text } satisfies Kept<AgentRun>;
export const teamFields = { ...conversation, memberResponses: list(nested) } satisfies Kept<TeamRun>;

type MadeByWorkflow = "runType" | "runId" | "sessionId" | "status" | "content" | "contentType" | "workflowId";
type KeptOfWorkflow = {
  [Key in Exclude<keyof WorkflowRun, MadeByWorkflow>]-?: fc.Arbitrary<NonNullable<WorkflowRun[Key]>>;
};
const { userId, parentRunId, createdAt, videos, audio, responseAudio, events, metadata } = conversation;
const outputs = list(fc.record({ stepName: text, content: json, extra }));

export const workflowFields = {
  userId,
  parentRunId,
  createdAt,
  images: media,
  videos,
  audio,
  files: media,
  responseAudio,
  events,
  metadata,
  workflowStepId: text,
  queueAttempt: fc.nat(9),
  extra,
  workflowName: text,
  input: some,
  stepResults: outputs,
  stepExecutorRuns: list(nested),
  workflowAgentRun: nested,
  metrics: fc.record({ duration: fc.nat(9), extra }),
  stepRequirements: list(json),
  errorRequirements: list(json),
  pausedStepIndex: fc.nat(9),
  pausedStepName: text,
  pauseKind: fc.constantFrom("step", "executor"),
} satisfies KeptOfWorkflow;

type MadeOfSession = "sessionId" | "sessionType" | "agentId" | "teamId" | "workflowId" | "userId" | "runs" | "extra";
type KeptOfSession = {
  [Key in Exclude<keyof SessionInit, MadeOfSession>]-?: fc.Arbitrary<NonNullable<SessionInit[Key]>>;
};

/** Keys that nobody here knows, beside those that are known. */
const sessionData = fc
  .record({ session_state: object, own: object, more: extra })
  .map(({ more, ...known }) => ({ ...more, ...known }));

export const sessionFields = {
  sessionData,
  agentData: object,
  teamData: object,
  workflowData: object,
  metadata: object,
  summary: fc.record({ summary: text, topics: list(text), extra }),
  createdAt: time,
  updatedAt: time,
} satisfies KeptOfSession;
