import { getToolName } from "ai";
import type { ChatMessage } from "./api.ts";
import type { Conversation } from "./use-conversation.ts";

type Call = Extract<ChatMessage["parts"][number], { toolCallId: string }>;

const states: Readonly<Record<Call["state"], string>> = {
  "input-streaming": "is being called",
  "input-available": "is running",
  "approval-requested": "asks for your approval",
  "approval-responded": "is answered",
  "output-available": "is done",
  "output-error": "failed",
  "output-denied": "was denied",
};

/** A call of a tool: what it is called with, how far it is, and what the user can do about it. */
export function ToolCall({ part, conversation }: { readonly part: Call; readonly conversation: Conversation }) {
  const { isBusy, decide, tellTimeZone } = conversation;
  const name = getToolName(part);
  return (
    <section className="call" aria-label={`Tool ${name}`}>
      <p>
        <b>{name}</b>{" "}
        {part.type === "tool-timeZone" && part.state === "input-available" ? "asks your browser" : states[part.state]}
      </p>
      <Value label="Input" value={part.input} />
      <Value label="Output" value={part.output} />
      {part.errorText !== undefined && <p className="error">{part.errorText}</p>}
      {part.state === "approval-requested" && !isBusy && (
        <p>
          <button type="button" onClick={() => void decide(part.approval.id, true)}>
            Approve
          </button>{" "}
          <button type="button" onClick={() => void decide(part.approval.id, false)}>
            Deny
          </button>
        </p>
      )}
      {part.type === "tool-timeZone" && part.state === "input-available" && !isBusy && (
        <button type="button" onClick={() => void tellTimeZone(part.toolCallId)}>
          Tell my time zone
        </button>
      )}
    </section>
  );
}

function Value({ label, value }: { readonly label: string; readonly value: unknown }) {
  return value === undefined ? null : (
    <pre aria-label={label}>{typeof value === "string" ? value : JSON.stringify(value, sortedKeys)}</pre>
  );
}

/** Databases such as Postgres keep no order of keys: shown in one order, a value looks the same after a reload. */
function sortedKeys(_key: string, value: unknown): unknown {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;
}
