import { useRef, type FormEvent, type KeyboardEvent } from "react";
import { fieldOf } from "./field.ts";

export interface ComposerProps {
  readonly isBusy: boolean;
  /** Whether the assistant waits for something else than a question. */
  readonly isWaiting: boolean;
  readonly onAsk: (text: string, files: FileList) => void;
  readonly onStop: () => void;
}

/** Where the user writes; while an answer arrives, the button that stops it. */
export function Composer({ isBusy, isWaiting, onAsk, onStop }: ComposerProps) {
  const files = useRef<HTMLInputElement>(null);

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const text = fieldOf(new FormData(form), "question").trim();
    if (!isBusy && text !== "" && files.current?.files) {
      onAsk(text, files.current.files);
      form.reset();
    }
  };
  const sendWithEnter = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      event.currentTarget.form?.requestSubmit();
    }
  };

  return (
    <form className="composer" onSubmit={submit}>
      <textarea
        name="question"
        aria-label="Message"
        placeholder={isWaiting ? "Answer above first, or ask something else" : "Ask something"}
        rows={3}
        autoFocus
        onKeyDown={sendWithEnter}
      />
      <input ref={files} type="file" aria-label="Files" multiple />
      {isBusy ? (
        <button type="button" onClick={onStop}>
          Stop
        </button>
      ) : (
        <button>Send</button>
      )}
    </form>
  );
}
