import type { JsonObject } from "@sessiondb/core";

// The JSON of runs with every key that Agno 3.1 knows, each in a place where it validates what is there.

const time = 1_700_000_000;

const common = { id: "m", format: "png", metadata: { a: 1 } };
const image = { ...common, url: "u", mime_type: "image/png", detail: "high", alt_text: "a", original_prompt: "p" };
const audio = {
  ...common,
  url: "u",
  duration: 1.5,
  sample_rate: 24_000,
  channels: 2,
  transcript: "t",
  expires_at: time,
};
const video = {
  ...common,
  filepath: "/v",
  duration: 1.5,
  width: 1,
  height: 2,
  fps: 29.9,
  eta: "12",
  revised_prompt: "r",
};
const file = {
  ...common,
  mime_type: "text/plain",
  content: "text",
  file_type: "txt",
  filename: "a",
  name: "a",
  size: 5,
};

const mediaReference = {
  media_id: "a",
  storage_key: "k",
  storage_backend: "local",
  session_id: "s",
  bucket: "b",
  region: "r",
  url: "u",
  mime_type: "m",
  filename: "f",
  content_hash: "c",
  media_type: "image",
  size: 3,
  metadata: { a: 1 },
};
const referred = { id: "r", media_reference: mediaReference };

const tokens = {
  input_tokens: 1,
  output_tokens: 2,
  total_tokens: 3,
  audio_input_tokens: 4,
  audio_output_tokens: 5,
  audio_total_tokens: 9,
  cache_read_tokens: 6,
  cache_write_tokens: 7,
  reasoning_tokens: 8,
  cost: 0.1,
  duration: 1.2,
  time_to_first_token: 0.1,
};
const metrics = {
  ...tokens,
  details: { model: [{ id: "g", provider: "p", input_tokens: 1 }] },
  additional_metrics: {},
};

const citations = {
  raw: [1],
  search_queries: ["q"],
  urls: [{ url: "u", title: "t" }],
  documents: [{ document_title: "d", cited_text: "c", file_name: "f" }],
};
const references = { query: "q", references: [{ content: "x" }, "text"], time: 0.1 };

const plainMessage = {
  role: "user",
  id: "m1",
  content: "hello",
  from_history: false,
  stop_after_tool_call: false,
  created_at: time,
};

const message = {
  ...plainMessage,
  role: "assistant",
  id: "m2",
  reasoning_content: "r",
  redacted_reasoning_content: "r",
  compressed_content: "c",
  name: "n",
  tool_call_id: "c1",
  tool_name: "t",
  tool_args: { a: 1 },
  tool_call_error: false,
  tool_calls: [{ id: "c1", type: "function", function: { name: "t", arguments: "{}" } }],
  references,
  citations,
  metrics: { ...tokens, provider_metrics: { q: 1 } },
  provider_data: { a: 1 },
  checkpoint_status: "RUNNING",
  checkpoint_created_at: time,
  add_to_agent_memory: true,
  temporary: false,
  images: [image, referred],
  audio: [audio],
  videos: [video],
  files: [file, { id: "f", citations: true, external: { a: 1 } }],
  audio_output: { id: "a", content: "aGVsbG8=" },
  image_output: { id: "i", url: "u" },
  video_output: { id: "v", url: "u" },
  file_output: { id: "f" },
};

const field = { name: "city", field_type: "str", description: "d", value: null };
const question = {
  question: "q",
  header: "h",
  multi_select: false,
  selected_options: ["a"],
  options: [{ label: "a", description: "d", selected: true }],
};

const tool = {
  tool_call_id: "c1",
  tool_name: "t",
  tool_args: { a: 1 },
  tool_call_error: false,
  result: "r",
  metrics: { start_time: time + 0.5, end_time: time + 1, duration: 0.5 },
  child_run_id: "r",
  stop_after_tool_call: false,
  created_at: time,
  requires_confirmation: true,
  confirmed: true,
  confirmation_note: "n",
  requires_user_input: true,
  user_input_schema: [field],
  user_feedback_schema: [question],
  answered: true,
  external_execution_required: false,
  external_execution_silent: false,
  approval_type: "required",
  approval_id: "a",
  parent_tool_call_id: "p",
};
const plainTool = { tool_call_id: "c1", tool_name: "t", metrics: { duration: 1 }, user_input_schema: [field] };

const requirement = {
  id: "r",
  created_at: "2026-01-01T00:00:00+00:00",
  tool_execution: plainTool,
  confirmation: true,
  confirmation_note: "n",
  external_execution_result: "r",
  member_agent_id: "a",
  member_agent_name: "n",
  member_run_id: "r",
  user_input_schema: [field],
  user_feedback_schema: [question],
};

const reasoningStep = {
  title: "t",
  action: "a",
  result: "r",
  reasoning: "x",
  next_action: "continue",
  confidence: 0.9,
};

const agentEvents = [
  {
    event: "RunStarted",
    created_at: time,
    agent_id: "a",
    agent_name: "A",
    run_id: "r",
    parent_run_id: "p",
    session_id: "s",
    workflow_id: "w",
    workflow_run_id: "w",
    step_id: "s",
    step_name: "s",
    step_index: 0,
    nested_depth: 0,
    event_index: 0,
    model: "m",
    model_provider: "p",
  },
  {
    event: "RunCompleted",
    agent_id: "a",
    content: "x",
    tools: [plainTool],
    images: [image],
    videos: [video],
    audio: [audio],
    files: [file],
    response_audio: { id: "a", url: "u" },
    additional_input: [
      { ...message, metrics: { ...tokens, provider_metrics: {} }, audio_output: { id: "a", url: "u" } },
    ],
    reasoning_steps: [reasoningStep],
    reasoning_messages: [plainMessage],
    references: [references],
    metrics: { details: { model: [{ id: "g" }] } },
    citations,
    session_state: { a: 1 },
    metadata: {},
  },
  { event: "RunPaused", agent_id: "a", requirements: [requirement] },
  { event: "RunContent", agent_id: "a", image: { id: "i", url: "u" } },
  { event: "ToolCallStarted", agent_id: "a", tool: plainTool },
  {
    event: "SessionSummaryCompleted",
    agent_id: "a",
    session_summary: { summary: "s", topics: ["t"], updated_at: "2026-01-01T00:00:00" },
  },
  { event: "PreHookStarted", agent_id: "a", run_input: { input_content: "i", images: [image], files: [file] } },
  { event: "CustomEvent", agent_id: "a", created_at: time, own: 1 },
];

const base = {
  run_id: "r",
  session_id: "s",
  user_id: "u",
  parent_run_id: "p",
  status: "COMPLETED",
  created_at: time,
  content: "x",
  content_type: "str",
  images: [image],
  videos: [video],
  audio: [audio],
  files: [file],
  response_audio: { id: "a", url: "u" },
  metadata: { a: 1 },
  workflow_step_id: "s",
  queue_attempt: 1,
  cancellation_stage: "PENDING",
};

const conversation = {
  ...base,
  input: { input_content: "hi", images: [image], videos: [video], audios: [audio], files: [file] },
  messages: [plainMessage, message],
  additional_input: [plainMessage],
  reasoning_content: "r",
  reasoning_steps: [reasoningStep],
  reasoning_messages: [plainMessage],
  tools: [tool],
  metrics,
  model: "m",
  model_provider: "p",
  model_provider_data: { a: 1 },
  session_state: { a: 1 },
  requirements: [requirement],
  citations,
  references: [references],
  followups: ["f"],
  last_checkpoint_at_message_index: 1,
  forked_from_message_index: 0,
  forked_from_run_id: "r",
  forked_from_session_id: "s",
  regenerated_from: "r",
};

const compaction = {
  id: "c",
  run_id: "r",
  summary: "s",
  first_kept_message_id: "m1",
  messages_compacted: 1,
  tokens_before: 1,
  tokens_after: 1,
  archived: true,
  created_at: time,
};

const nestedRun = {
  run_id: "n",
  session_id: "s",
  parent_run_id: "r",
  status: "COMPLETED",
  created_at: time,
  content: "x",
  content_type: "str",
  messages: [plainMessage],
  tools: [plainTool],
};
const nested = { ...nestedRun, agent_id: "member", agent_name: "M" };
const nestedTeam = { ...nestedRun, team_id: "inner", team_name: "I", member_responses: [] };

const teamEvents = [
  { event: "TeamRunStarted", created_at: time, team_id: "t", team_name: "T" },
  { event: "TeamRunCompleted", team_id: "t", member_responses: [nested], tools: [plainTool] },
  {
    event: "TeamTaskStateUpdated",
    team_id: "t",
    tasks: [{ id: "1", title: "x", description: "d", status: "pending", assignee: "a", dependencies: [], result: "r" }],
  },
];

const output = {
  content: "x",
  step_name: "s",
  step_id: "i",
  step_type: "Step",
  executor_type: "agent",
  executor_name: "n",
  step_run_id: "r",
  images: [image],
  videos: [video],
  audio: [audio],
  files: [file],
  metrics: { details: { model: [{ id: "g" }] } },
  success: true,
  error: "e",
  stop: false,
  is_paused: false,
};
const plainOutput = { content: "x", step_name: "s", images: [image], metrics: { details: {} } };

const stepRequirement = {
  step_id: "s",
  step_name: "n",
  step_index: 0,
  step_type: "Step",
  requires_confirmation: true,
  confirmation_message: "m",
  confirmed: true,
  on_reject: "cancel",
  requires_user_input: true,
  user_input_message: "m",
  user_input_schema: [
    { name: "n", field_type: "str", description: "d", value: "v", required: true, allowed_values: ["v"] },
    { name: "i", field_type: "int", required: false },
    { name: "f", field_type: "float", required: false },
    { name: "b", field_type: "bool", required: false },
  ],
  user_input: { n: "v", i: 1, f: 1.5, b: true },
  requires_route_selection: false,
  available_choices: ["a"],
  allow_multiple_selections: false,
  selected_choices: ["a"],
  step_input: {
    input: "i",
    previous_step_content: "p",
    previous_step_outputs: { a: plainOutput },
    additional_data: { a: 1 },
    images: [image],
    videos: [video],
    audio: [audio],
    files: [file],
  },
  requires_executor_input: true,
  executor_requirements: [requirement],
  executor_id: "e",
  executor_name: "n",
  executor_run_id: "r",
  executor_type: "agent",
  executor_session_id: "s",
  requires_output_review: false,
  output_review_message: "m",
  step_output: plainOutput,
  is_post_execution: false,
  rejection_feedback: "f",
  edited_output: "e",
  retry_count: 0,
  max_retries: 1,
  timeout_at: "2026-01-01T00:00:00+00:00",
  on_timeout: "cancel",
};

const workflowEvents = [
  { event: "WorkflowStarted", created_at: time, workflow_id: "w", workflow_name: "W" },
  { event: "StepOutput", workflow_id: "w", step_output: plainOutput },
  {
    event: "WorkflowCompleted",
    workflow_id: "w",
    content: "c",
    step_results: [plainOutput],
    step_executor_runs: [nested],
    metrics: { steps: { a: { step_name: "a", executor_type: "agent", executor_name: "n" } } },
  },
  { event: "WorkflowPaused", workflow_id: "w", step_requirements: [stepRequirement], error_requirements: [] },
  { event: "StepProgress", workflow_id: "w", step_name: "s", step_index: 0, attempt: 1, content: "c", data: {} },
  { event: "RunStarted", created_at: time, agent_id: "a" },
  { event: "TeamRunStarted", created_at: time, team_id: "t" },
];

/** By type of run. */
export const fullRuns: Readonly<Record<"agent" | "team" | "workflow", JsonObject>> = {
  agent: { ...conversation, agent_id: "a", agent_name: "A", workflow_id: "w", compaction, events: agentEvents },
  team: {
    ...conversation,
    messages: [plainMessage],
    tools: [plainTool],
    team_id: "t",
    team_name: "T",
    member_responses: [nested, { ...nestedTeam, run_id: "n2" }],
    events: teamEvents,
  },
  workflow: {
    ...base,
    workflow_id: "w",
    workflow_name: "W",
    input: { topic: "x" },
    step_results: [{ ...output, steps: [plainOutput] }],
    step_executor_runs: [nested, { ...nestedTeam, run_id: "n3" }],
    workflow_agent_run: nested,
    metrics: {
      steps: { a: { step_name: "a", executor_type: "agent", executor_name: "n", metrics } },
      duration: 1.2,
    },
    step_requirements: [stepRequirement],
    error_requirements: [
      {
        step_id: "s",
        step_name: "n",
        step_index: 0,
        error_message: "m",
        error_type: "t",
        retry_count: 0,
        decision: "skip",
      },
    ],
    paused_step_index: 1,
    paused_step_name: "n",
    pause_kind: "step",
    events: workflowEvents,
  },
};
