import { useEffect, useState } from "react";
import { loadChat, wordsFor, type LoadedChat } from "./api.ts";
import { Chat } from "./chat.tsx";
import { Problem } from "./problem.tsx";
import type { OpenChat } from "./use-open-chat.ts";

export interface ChatPageProps {
  readonly chat: OpenChat;
  /** Called when the server has accepted the first question. */
  readonly onBegin: () => void;
  /** Called when the chat's place or title in the list may have changed. */
  readonly onChange: () => void;
}

const empty: LoadedChat = { messages: [], olderCursor: null, activeStreamId: null };

/** Reads the chat, then shows it. */
export function ChatPage({ chat, onBegin, onChange }: ChatPageProps) {
  const [loaded, setLoaded] = useState<LoadedChat | null>(chat.isNew ? empty : null);
  const [problem, setProblem] = useState<unknown>(null);

  const load = (): void => {
    setProblem(null);
    loadChat(chat.id, null).then(setLoaded, setProblem);
  };
  useEffect(() => {
    if (!chat.isNew) {
      load();
    }
  }, [chat]);

  if (loaded !== null) {
    return <Chat id={chat.id} loaded={loaded} onBegin={onBegin} onChange={onChange} />;
  }
  return (
    <main>
      {problem === null ? <p role="status">Loading …</p> : <Problem words={wordsFor(problem)} retry={load} />}
    </main>
  );
}
