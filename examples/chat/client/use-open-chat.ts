import { useEffect, useState } from "react";

export interface OpenChat {
  readonly id: string;
  /** Whether it has no address yet: it gets one with its first question. */
  readonly isNew: boolean;
}

/** The chat that the page's address names, or a new one. */
export function useOpenChat() {
  const [chat, setChat] = useState(chatOfAddress);
  useEffect(() => {
    const moved = (): void => setChat(chatOfAddress());
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  }, []);
  return {
    chat,
    open: (id: string): void => {
      history.pushState(null, "", addressOf(id));
      setChat({ id, isNew: false });
    },
    openNew: (): void => {
      history.pushState(null, "", "/");
      setChat(newChat());
    },
    /** Gives the new chat that is open its address. */
    keep: (): void => history.replaceState(null, "", addressOf(chat.id)),
  };
}

export const addressOf = (id: string): string => `/chats/${encodeURIComponent(id)}`;

const newChat = (): OpenChat => ({ id: crypto.randomUUID(), isNew: true });

function chatOfAddress(): OpenChat {
  const [, id] = /^\/chats\/([^/]+)$/.exec(location.pathname) ?? [];
  return id === undefined ? newChat() : { id: decodeURIComponent(id), isNew: false };
}
