import { wordsFor, type LoadedChat } from "./api.ts";
import { Composer } from "./composer.tsx";
import { Message } from "./message.tsx";
import { Problem } from "./problem.tsx";
import { useConversation } from "./use-conversation.ts";
import { isWaiting } from "./message-state.ts";

export interface ChatProps {
  readonly id: string;
  readonly loaded: LoadedChat;
  readonly onBegin: () => void;
  readonly onChange: () => void;
}

export function Chat(props: ChatProps) {
  const conversation = useConversation(props);
  const { messages, isBusy, isInterrupted, problem, ask, stop, retry, showOlder } = conversation;
  const last = messages.at(-1);
  const isUnanswered = !isBusy && problem === null && (isInterrupted || last?.role === "user");
  return (
    <main>
      {showOlder !== null && (
        <button type="button" onClick={() => void showOlder()}>
          Older messages
        </button>
      )}
      <section role="log" aria-label="Messages" aria-busy={isBusy}>
        {messages.map((message) => (
          <Message key={message.id} message={message} isLast={message === last} conversation={conversation} />
        ))}
      </section>
      {isBusy && <p role="status">Answering …</p>}
      {problem !== null && <Problem words={wordsFor(problem)} retry={() => void retry()} />}
      {isUnanswered && <Problem words="This was not answered to its end." retry={() => void retry()} />}
      <Composer
        isBusy={isBusy}
        isWaiting={isWaiting(last)}
        onAsk={(text, files) => void ask(text, files)}
        onStop={() => void stop()}
      />
    </main>
  );
}
