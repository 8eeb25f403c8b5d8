import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useEffect, useEffectEvent, useRef, useState } from "react";
import { ApiError, apiFetch, loadChat, stopAnswer, type ChatMessage, type LoadedChat } from "./api.ts";
import { tellTabs, onChange as onChangeElsewhere } from "./tabs.ts";
import { hasAnswers, isEmpty, isWaiting } from "./message-state.ts";

export interface ConversationOptions {
  readonly id: string;
  readonly loaded: LoadedChat;
  readonly onBegin: () => void;
  readonly onChange: () => void;
}

/** One chat: what was said, and everything that the user can do. */
export function useConversation({ id, loaded, onBegin, onChange }: ConversationOptions) {
  const [olderCursor, setOlderCursor] = useState(loaded.olderCursor);
  const [problem, setProblem] = useState<unknown>(null);
  // An answer that neither this server nor any other goes on with: its process ended.
  const [isInterrupted, setInterrupted] = useState(false);
  const [isResuming, setResuming] = useState(loaded.activeStreamId !== null);
  // Whether this page has answered a call, and not sent that yet.
  const answered = useRef(false);

  const changed = (): void => {
    onChange();
    tellTabs(id);
  };
  const [transport] = useState(
    () =>
      new DefaultChatTransport<ChatMessage>({
        api: "/api/chats",
        fetch: async (input, init) => {
          const response = await apiFetch(input, init);
          if (init?.method === "POST") {
            onBegin();
            changed();
          }
          return response;
        },
        // The server knows the earlier messages, and believes no client about them.
        prepareSendMessagesRequest: ({ messages, trigger, messageId }) => ({
          body: { id, message: messages.at(-1), trigger, messageId },
        }),
      }),
  );
  const {
    messages: all,
    setMessages,
    status,
    error,
    ...chat
  } = useChat<ChatMessage>({
    id,
    messages: loaded.messages,
    transport,
    sendAutomaticallyWhen: (now) => {
      const isComplete = answered.current && !isWaiting(now.messages.at(-1));
      answered.current &&= !isComplete;
      return isComplete;
    },
    onFinish: changed,
  });
  const messages = all.filter((message) => !isEmpty(message));
  const isBusy = isResuming || status === "submitted" || status === "streaming";

  /** Shows what the store has, beside the older messages that are shown. Returns whether an answer is in progress. */
  const refresh = async (): Promise<boolean> => {
    const newest = await loadChat(id, null);
    setMessages((shown) => {
      const index = shown.findIndex((message) => message.id === newest.messages[0]?.id);
      if (index <= 0) {
        setOlderCursor(newest.olderCursor);
      }
      return [...shown.slice(0, Math.max(index, 0)), ...newest.messages];
    });
    return newest.activeStreamId !== null;
  };
  const resume = async (): Promise<void> => {
    setResuming(true);
    try {
      await chat.resumeStream();
      // It may have ended before it could be resumed.
      setInterrupted(await refresh());
    } finally {
      setResuming(false);
    }
  };
  const attempt = async (action: () => Promise<unknown>): Promise<void> => {
    setProblem(null);
    setInterrupted(false);
    await action().catch(setProblem);
  };

  const changedElsewhere = useEffectEvent((chatId: string | null): void => {
    // What could not be sent is nowhere else: it stays until the user decides.
    if (!isBusy && error === undefined && messages.length > 0 && (chatId === null || chatId === id)) {
      void attempt(async () => (await refresh()) && resume());
    }
  });
  const begin = useEffectEvent((): void => {
    if (loaded.activeStreamId !== null) {
      void attempt(resume);
    }
  });
  useEffect(() => {
    begin();
    return onChangeElsewhere(changedElsewhere);
  }, []);

  return {
    messages,
    isBusy,
    isInterrupted,
    /** Why the last answer or the last action failed; null if it did not. */
    problem: error ?? problem,
    ask: (text: string, files: FileList) => attempt(() => chat.sendMessage({ text, files })),
    edit: ({ id: messageId, parts }: ChatMessage, text: string) =>
      attempt(() =>
        chat.sendMessage({
          parts: [...parts.filter(({ type }) => type === "file"), { type: "text", text }],
          messageId,
        }),
      ),
    regenerate: ({ id: messageId }: ChatMessage) => attempt(() => chat.regenerate({ messageId })),
    /** Sends again what was not answered. */
    retry: () =>
      attempt(async () => {
        if (error instanceof ApiError && (error.status === 400 || error.status === 409)) {
          // Another tab was faster, or it can never be sent: what is stored counts.
          await refresh();
          chat.clearError();
          return;
        }
        if (isInterrupted) {
          // Nobody goes on with it, but it counts as in progress until its process is missed. It may have ended by now.
          await stopAnswer(id).catch(() => {});
        }
        const last = messages.at(-1);
        if (last?.role === "user") {
          await chat.sendMessage({ parts: last.parts, messageId: last.id });
        } else if (last !== undefined) {
          await (hasAnswers(last) ? chat.sendMessage() : chat.regenerate({ messageId: last.id }));
        }
      }),
    stop: () => attempt(() => stopAnswer(id)),
    decide: (approvalId: string, approved: boolean) => {
      answered.current = true;
      return attempt(async () => chat.addToolApprovalResponse({ id: approvalId, approved }));
    },
    /** Runs the browser's tool. */
    tellTimeZone: (toolCallId: string) => {
      answered.current = true;
      const output = { timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone };
      return attempt(async () => chat.addToolOutput({ tool: "timeZone", toolCallId, output }));
    },
    /** Shows the messages before these; null if there are none. */
    showOlder:
      olderCursor === null
        ? null
        : () =>
            attempt(async () => {
              const older = await loadChat(id, olderCursor);
              setMessages((shown) => [...older.messages, ...shown]);
              setOlderCursor(older.olderCursor);
            }),
  };
}

export type Conversation = ReturnType<typeof useConversation>;
