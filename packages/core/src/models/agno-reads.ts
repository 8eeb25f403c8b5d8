import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";

/**
 * Whether Agno can read a JSON value in one place of a run. The rules here were measured by reading with Agno 3.1.10:
 * its Pydantic models validate every field, its dataclasses only the fields that they build further models from. One
 * value that Agno refuses makes the whole session unreadable to it.
 */
export type Reads = (value: JsonValue) => boolean;

/** The checks of a JSON object, by key. Any other key may hold anything. */
export type ReadsByKey = Readonly<Record<string, Reads>>;

/** Whether Agno can read the value. False for endless nesting, which the search for JSON problems reports later. */
export function isRead(reads: Reads, value: JsonValue): boolean {
  try {
    return reads(value);
  } catch (error) {
    if (!(error instanceof RangeError)) {
      throw error;
    }
    return false;
  }
}

const text: Reads = (value) => typeof value === "string";
const flag: Reads = (value) => typeof value === "boolean";
const number: Reads = (value) => typeof value === "number";
const whole: Reads = (value) => Number.isSafeInteger(value);
const object: Reads = isJsonObject;

const maybe =
  (reads: Reads): Reads =>
  (value) =>
    value === null || reads(value);

const either =
  (one: Reads, other: Reads): Reads =>
  (value) =>
    one(value) || other(value);

const oneOf = (...values: readonly string[]): Reads => {
  const known = new Set<JsonValue>(values);
  return (value) => known.has(value);
};

const listOf =
  (reads: Reads): Reads =>
  (value) =>
    Array.isArray(value) && value.every((item) => reads(item));

const mapOf =
  (reads: Reads): Reads =>
  (value) =>
    isJsonObject(value) && Object.values(value).every((item) => reads(item));

/** An object that has the `required` keys, and whose known keys hold what Agno can read. */
const record =
  (keys: ReadsByKey, required: readonly string[] = []): Reads =>
  (value) =>
    isJsonObject(value) && required.every((key) => value[key] !== undefined) && readsKeys(value, keys);

function readsKeys(json: JsonObject, keys: ReadsByKey): boolean {
  for (const key in json) {
    const value = json[key];
    if (value !== undefined && Object.hasOwn(keys, key) && keys[key]?.(value) === false) {
      return false;
    }
  }
  return true;
}

/** For records that contain themselves. */
const later =
  (reads: () => Reads): Reads =>
  (value) =>
    reads()(value);

const maybeText = maybe(text);
const maybeFlag = maybe(flag);
const maybeNumber = maybe(number);
const maybeWhole = maybe(whole);
const maybeObject = maybe(object);

/** The same check under each of several keys. */
const underEach = (keys: readonly string[], reads: Reads): ReadsByKey =>
  Object.fromEntries(keys.map((key) => [key, reads]));

/** Checks that the types of the models imply, so that a property need not be checked again. */
export const impliedByType: ReadonlySet<Reads> = new Set([maybeText, maybeFlag, maybeNumber, maybeObject]);

const mediaReference = record(
  {
    ...underEach(["media_id", "storage_key", "storage_backend"], text),
    ...underEach(["session_id", "bucket", "region", "url", "mime_type", "filename"], maybeText),
    ...underEach(["content_hash", "media_type"], maybeText),
    size: maybeWhole,
    metadata: maybeObject,
  },
  ["media_id", "storage_key", "storage_backend"],
);

const mediaKeys: ReadsByKey = {
  ...underEach(["id", "url", "filepath", "content", "format", "mime_type"], maybeText),
  media_reference: maybe(mediaReference),
  metadata: maybeObject,
};

export const imageKeys: ReadsByKey = {
  ...mediaKeys,
  ...underEach(["detail", "alt_text", "original_prompt", "revised_prompt"], maybeText),
};

export const audioKeys: ReadsByKey = {
  ...mediaKeys,
  duration: maybeNumber,
  transcript: maybeText,
  ...underEach(["sample_rate", "channels", "expires_at"], maybeWhole),
};

export const videoKeys: ReadsByKey = {
  ...mediaKeys,
  ...underEach(["duration", "fps"], maybeNumber),
  ...underEach(["width", "height"], maybeWhole),
  ...underEach(["eta", "original_prompt", "revised_prompt"], maybeText),
};

const fileTypes = oneOf(
  "application/pdf",
  "application/json",
  "application/x-javascript",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  "application/msword",
  "application/vnd.ms-powerpoint",
  "application/vnd.ms-excel",
  "application/vnd.ms-outlook",
  "application/zip",
  "message/rfc822",
  "text/javascript",
  "application/x-python",
  "text/x-python",
  "text/plain",
  "text/html",
  "text/css",
  "text/markdown",
  "text/csv",
  "text/xml",
  "text/rtf",
);

export const fileKeys: ReadsByKey = {
  ...mediaKeys,
  mime_type: maybe(fileTypes),
  ...underEach(["file_type", "filename", "name"], maybeText),
  size: maybeWhole,
  citations: maybeFlag,
};

const places = ["url", "filepath", "content"] as const;

/** Media of an event have exactly one place. */
const hasOnePlace: Reads = (value) => {
  const media = value as JsonObject;
  return isJsonObject(media["media_reference"]) || places.filter((key) => (media[key] ?? null) !== null).length === 1;
};

/** Media of a message may have more, if one of them is `content`, which Agno then uses. */
const hasPlace: Reads = (value) => text((value as JsonObject)["content"] ?? null) || hasOnePlace(value);

const hasAnyPlace: Reads = (value) => {
  const media = value as JsonObject;
  return ["id", ...places, "external", "media_reference"].some((key) => Boolean(media[key]));
};

const both =
  (first: Reads, second: Reads): Reads =>
  (value) =>
    first(value) && second(value);

const image = both(record(imageKeys), hasPlace);
const audio = both(record(audioKeys), hasPlace);
const video = both(record(videoKeys), hasPlace);
const file = both(record(fileKeys), hasAnyPlace);

/** Media that Agno drops with a warning if it cannot read them. */
const looseMedia = maybe(listOf(object));
const looseMediaKeys = underEach(["images", "videos", "audio", "files"], looseMedia);

const messageReferences = record({ query: text, references: maybe(listOf(either(object, text))), time: maybeNumber }, [
  "query",
]);

const citations = record({
  search_queries: maybe(listOf(text)),
  urls: maybe(listOf(record({ url: maybeText, title: maybeText }))),
  documents: maybe(listOf(record({ document_title: maybeText, cited_text: maybeText, file_name: maybeText }))),
});

export const metricsKeys: ReadsByKey = { details: maybe(mapOf(listOf(object))) };

export const messageKeys: ReadsByKey = {
  ...underEach(["role", "id"], text),
  content: maybe(either(text, Array.isArray)),
  ...underEach(["reasoning_content", "redacted_reasoning_content", "compressed_content"], maybeText),
  ...underEach(["name", "tool_call_id", "tool_name", "checkpoint_status"], maybeText),
  tool_call_error: maybeFlag,
  tool_calls: maybe(listOf(object)),
  ...underEach(["from_history", "stop_after_tool_call", "add_to_agent_memory", "temporary"], flag),
  images: maybe(listOf(image)),
  audio: maybe(listOf(audio)),
  videos: maybe(listOf(video)),
  files: maybe(listOf(file)),
  audio_output: maybe(audio),
  image_output: maybe(image),
  video_output: maybe(video),
  file_output: maybe(file),
  references: maybe(messageReferences),
  citations: maybe(citations),
  provider_data: maybeObject,
  checkpoint_created_at: maybeWhole,
  created_at: whole,
};

const userInputField = record({ name: text }, ["name", "field_type", "description", "value"]);
const feedbackQuestion = record({ question: text, options: maybe(listOf(record({}, ["label"]))) }, ["question"]);

export const toolKeys: ReadsByKey = {
  metrics: maybeObject,
  user_input_schema: maybe(listOf(userInputField)),
  user_feedback_schema: maybe(listOf(feedbackQuestion)),
};

const requirement = record({
  tool_execution: maybe(record(toolKeys)),
  user_input_schema: maybe(listOf(userInputField)),
  user_feedback_schema: maybe(listOf(feedbackQuestion)),
});

const reasoningStep = record({
  ...underEach(["title", "action", "result", "reasoning"], maybeText),
  next_action: maybe(oneOf("continue", "validate", "final_answer", "reset")),
  confidence: maybeNumber,
});

export const stepOutputKeys: ReadsByKey = {
  ...looseMediaKeys,
  metrics: maybe(record(metricsKeys)),
  steps: maybe(listOf(later(() => stepOutput))),
};

const stepOutput: Reads = record(stepOutputKeys);

const stepInput = record({
  previous_step_outputs: maybe(mapOf(stepOutput)),
  ...looseMediaKeys,
});

/** A time that Python's `datetime.fromisoformat` reads, from 3.10 on. */
const isoTime: Reads = (value) =>
  typeof value === "string" &&
  /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{3}(\d{3})?)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(value) &&
  !Number.isNaN(Date.parse(value.replace(" ", "T")));

const stepRequirementKeys = record(
  {
    step_input: maybe(stepInput),
    step_output: maybe(stepOutput),
    user_input: maybeObject,
    user_input_schema: maybe(listOf(record({ name: text, allowed_values: maybe(Array.isArray) }, ["name"]))),
    executor_requirements: maybe(listOf(requirement)),
    timeout_at: maybe(isoTime),
  },
  ["step_id"],
);

/** Agno checks the user's input against the schema beside it. */
const stepRequirement: Reads = (value) => {
  if (!stepRequirementKeys(value)) {
    return false;
  }
  const { user_input: input, user_input_schema: schema } = value as JsonObject;
  if (!isJsonObject(input) || Object.keys(input).length === 0) {
    return true;
  }
  return (
    !("validate" in input) &&
    ((schema ?? null) === null || (schema as JsonObject[]).every((field) => fits(field, input)))
  );
};

function fits(field: JsonObject, input: JsonObject): boolean {
  const value = input[field["name"] as string] ?? null;
  if (value === null || value === "") {
    return field["required"] === false && value === null;
  }
  const allowed = field["allowed_values"];
  if (Array.isArray(allowed) && allowed.length > 0 && !allowed.includes(value)) {
    return false;
  }
  switch (field["field_type"] ?? "str") {
    case "str":
      return text(value);
    case "int":
      return whole(value);
    case "float":
      return number(value);
    case "bool":
      return flag(value);
    default:
      return true;
  }
}

export const runInputKeys: ReadsByKey = underEach(["images", "videos", "audios", "files"], looseMedia);

const runInput = record(runInputKeys);

const messages = maybe(listOf(record(messageKeys, ["role"])));
const tools = maybe(listOf(record(toolKeys)));

const conversationKeys: ReadsByKey = {
  ...looseMediaKeys,
  input: maybe(runInput),
  messages,
  additional_input: messages,
  reasoning_messages: messages,
  reasoning_steps: maybe(listOf(reasoningStep)),
  tools,
  metrics: maybe(record(metricsKeys)),
  requirements: maybe(listOf(requirement)),
  citations: maybe(citations),
  references: maybe(listOf(messageReferences)),
  compaction: maybeObject,
};

export const stepMetricsKeys: ReadsByKey = { metrics: maybe(record(metricsKeys)) };

export const workflowMetricsKeys: ReadsByKey = {
  steps: mapOf(record(stepMetricsKeys, ["step_name", "executor_type", "executor_name"])),
};

const eventImage = both(image, hasOnePlace);
const eventAudio = both(audio, hasOnePlace);
const eventVideo = both(video, hasOnePlace);

/** Events are stricter than runs about the metrics of their messages and the places of their media. */
const eventMessage = record(
  {
    ...messageKeys,
    images: maybe(listOf(eventImage)),
    audio: maybe(listOf(eventAudio)),
    videos: maybe(listOf(eventVideo)),
    audio_output: maybe(eventAudio),
    image_output: maybe(eventImage),
    video_output: maybe(eventVideo),
    metrics: record({
      ...underEach(["input_tokens", "output_tokens", "total_tokens", "reasoning_tokens"], whole),
      ...underEach(["audio_input_tokens", "audio_output_tokens", "audio_total_tokens"], whole),
      ...underEach(["cache_read_tokens", "cache_write_tokens"], whole),
      ...underEach(["cost", "duration", "time_to_first_token"], maybeNumber),
      provider_metrics: maybeObject,
    }),
  },
  ["role"],
);

const nestedRuns = maybe(listOf(later(() => nestedRun)));

const eventKeys: ReadsByKey = {
  tool: maybe(record(toolKeys)),
  tools,
  images: maybe(listOf(eventImage)),
  videos: maybe(listOf(eventVideo)),
  audio: maybe(listOf(eventAudio)),
  files: looseMedia,
  image: maybe(eventImage),
  response_audio: maybe(eventAudio),
  additional_input: maybe(listOf(eventMessage)),
  reasoning_messages: maybe(listOf(eventMessage)),
  reasoning_steps: maybe(listOf(reasoningStep)),
  references: maybe(listOf(messageReferences)),
  requirements: maybe(listOf(requirement)),
  run_input: maybe(runInput),
  session_summary: maybe(
    (summary) =>
      isJsonObject(summary) &&
      readsSummary(summary) &&
      Object.keys(summary).every((key) => Object.hasOwn(summaryKeys, key)),
  ),
  step_output: maybe(stepOutput),
  ...underEach(["step_results", "step_executor_runs", "step_requirements", "error_requirements"], maybe(Array.isArray)),
  tasks: maybe(listOf(object)),
  member_responses: nestedRuns,
};

const agentEvents = `RunStarted RunContent RunContentCompleted RunIntermediateContent RunCompleted RunError RunCancelled
  RunPaused RunContinued PreHookStarted PreHookCompleted PostHookStarted PostHookCompleted ReasoningStarted ReasoningStep
  ReasoningContentDelta ReasoningCompleted MemoryUpdateStarted MemoryUpdateCompleted SessionSummaryStarted
  SessionSummaryCompleted ToolCallStarted ToolCallCompleted ToolCallError ParserModelResponseStarted
  ParserModelResponseCompleted OutputModelResponseStarted OutputModelResponseCompleted ModelRequestStarted
  ModelRequestCompleted CompressionStarted CompressionCompleted CompactionStarted CompactionCompleted FollowupsStarted
  FollowupsCompleted CustomEvent`.split(/\s+/);

/** A team has an agent's events except compaction and custom ones, with the prefix `Team`, and some of its own. */
const teamEvents = [
  ...agentEvents.filter((name) => !/^(Compaction|Custom)/.test(name)).map((name) => `Team${name}`),
  "TeamTaskIterationStarted",
  "TeamTaskIterationCompleted",
  "TeamTaskStateUpdated",
  "TeamTaskCreated",
  "TeamTaskUpdated",
];

const workflowEvents = `WorkflowStarted WorkflowAgentStarted WorkflowAgentCompleted WorkflowCompleted WorkflowPaused
  WorkflowCancelled WorkflowError StepStarted StepCompleted StepProgress StepPaused StepContinued StepExecutorPaused
  StepExecutorContinued StepOutputReview StepError LoopExecutionStarted LoopIterationStarted LoopIterationCompleted
  LoopExecutionCompleted ParallelExecutionStarted ParallelExecutionCompleted ConditionExecutionStarted
  ConditionExecutionCompleted RouterExecutionStarted RouterExecutionCompleted RouterPaused StepsExecutionStarted
  StepsExecutionCompleted StepOutput`.split(/\s+/);

const eventsOf = {
  agent: oneOf(...agentEvents),
  team: oneOf(...agentEvents, ...teamEvents),
  workflow: oneOf(...agentEvents, ...teamEvents, ...workflowEvents),
};

/** The ids of an event decide which names it may have; its name decides the kind of its `metrics`. */
const event =
  (runType: keyof typeof eventsOf): Reads =>
  (value) => {
    if (!isJsonObject(value)) {
      return false;
    }
    const kind =
      value["agent_id"] !== undefined
        ? "agent"
        : runType === "workflow" && value["team_id"] !== undefined
          ? "team"
          : runType;
    const name = value["event"] ?? null;
    // Unlike the others, a custom event has no default time.
    if (!eventsOf[kind](name) || (name === "CustomEvent" && value["created_at"] === undefined)) {
      return false;
    }
    return readsKeys(value, name === "WorkflowCompleted" ? workflowCompletedKeys : eventKeysWithMetrics);
  };

const workflowCompletedKeys: ReadsByKey = { ...eventKeys, metrics: maybe(record(workflowMetricsKeys, ["steps"])) };
const eventKeysWithMetrics: ReadsByKey = { ...eventKeys, metrics: maybe(record(metricsKeys)) };

export const agentRunKeys: ReadsByKey = {
  ...conversationKeys,
  events: maybe(listOf(event("agent"))),
  // Agno takes what is under this key for the run itself.
  run: () => false,
};

export const teamRunKeys: ReadsByKey = {
  ...conversationKeys,
  events: maybe(listOf(event("team"))),
  member_responses: nestedRuns,
};

export const workflowRunKeys: ReadsByKey = {
  ...looseMediaKeys,
  events: maybe(listOf(event("workflow"))),
  metrics: maybe(record(workflowMetricsKeys, ["steps"])),
  step_results: maybe(listOf(stepOutput)),
  step_executor_runs: nestedRuns,
  workflow_agent_run: maybe(record(agentRunKeys)),
  step_requirements: maybe(listOf(stepRequirement)),
  router_requirements: maybe(listOf(stepRequirement)),
  error_requirements: maybe(listOf(record({}, ["step_id"]))),
};

const nestedRun: Reads = (value) => {
  if (!isJsonObject(value)) {
    return false;
  }
  if (value["agent_id"] !== undefined || value["agent_name"] !== undefined) {
    return readsKeys(value, agentRunKeys);
  }
  if (value["team_id"] !== undefined || value["team_name"] !== undefined) {
    return readsKeys(value, teamRunKeys);
  }
  return value["workflow_name"] === undefined ? readsKeys(value, agentRunKeys) : readsKeys(value, workflowRunKeys);
};

export const summaryKeys = {
  summary: text,
  topics: maybe(listOf(text)),
  updated_at: maybe(isoTime),
} satisfies ReadsByKey;

/** Whether Agno reads the summary of a session, but for keys that it does not know. */
function readsSummary(summary: JsonObject): boolean {
  return summary["summary"] !== undefined && readsKeys(summary, summaryKeys);
}
