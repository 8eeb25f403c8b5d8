import { isToolUIPart } from "ai";
import { useState } from "react";
import type { ChatMessage } from "./api.ts";
import { fieldOf } from "./field.ts";
import { ToolCall } from "./tool-call.tsx";
import type { Conversation } from "./use-conversation.ts";
import { isWaiting } from "./message-state.ts";

export interface MessageProps {
  readonly message: ChatMessage;
  readonly isLast: boolean;
  readonly conversation: Conversation;
}

export function Message({ message, isLast, conversation }: MessageProps) {
  const { isBusy, edit, regenerate } = conversation;
  const [isEditing, setEditing] = useState(false);
  const isQuestion = message.role === "user";
  if (isEditing) {
    return (
      <Editor
        message={message}
        onCancel={() => setEditing(false)}
        onSave={(text) => {
          setEditing(false);
          void edit(message, text);
        }}
      />
    );
  }
  return (
    <article aria-label={isQuestion ? "You" : "Assistant"} className={message.role}>
      {message.parts.map((part, index) => (
        <Part key={index} part={part} conversation={conversation} />
      ))}
      {isQuestion && !isBusy && (
        <button type="button" onClick={() => setEditing(true)}>
          Edit
        </button>
      )}
      {!isQuestion && isLast && !isBusy && !isWaiting(message) && (
        <button type="button" onClick={() => void regenerate(message)}>
          Regenerate
        </button>
      )}
    </article>
  );
}

type MessagePart = ChatMessage["parts"][number];

function Part({ part, conversation }: { readonly part: MessagePart; readonly conversation: Conversation }) {
  if (isToolUIPart(part)) {
    return <ToolCall part={part} conversation={conversation} />;
  }
  switch (part.type) {
    case "text":
      return <p className="text">{part.text}</p>;
    case "reasoning":
      return (
        <details>
          <summary>Reasoning</summary>
          <p className="text">{part.text}</p>
        </details>
      );
    case "file":
      return part.mediaType.startsWith("image/") ? (
        <img src={part.url} alt={part.filename ?? "Image"} />
      ) : (
        <p>
          <a href={part.url} download={part.filename ?? "file"}>
            {part.filename ?? part.mediaType}
          </a>
        </p>
      );
    case "source-url":
      return (
        <p>
          Source:{" "}
          <a href={part.url} rel="noreferrer" target="_blank">
            {part.title ?? part.url}
          </a>
        </p>
      );
    case "source-document":
      return <p>Source: {part.title}</p>;
    default:
      return null;
  }
}

interface EditorProps {
  readonly message: ChatMessage;
  readonly onSave: (text: string) => void;
  readonly onCancel: () => void;
}

function Editor({ message, onSave, onCancel }: EditorProps) {
  const text = message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  return (
    <form className="user" action={(form) => onSave(fieldOf(form, "question"))}>
      <textarea name="question" aria-label="Question" defaultValue={text} rows={3} required autoFocus />
      <button>Ask again</button>
      <button type="button" onClick={onCancel}>
        Cancel
      </button>
    </form>
  );
}
