import { useCallback, useEffect, useState } from "react";
import { listChats, type ChatSummary } from "./api.ts";
import { onChange } from "./tabs.ts";

export interface ChatListState {
  readonly chats: readonly ChatSummary[];
  readonly problem: unknown;
  /** Shows the next page; null if there is none. */
  readonly more: (() => void) | null;
  /** Shows the newest page anew. */
  readonly refresh: () => void;
}

/** The list of chats, newest first, page by page. */
export function useChatList(): ChatListState {
  const [chats, setChats] = useState<readonly ChatSummary[]>([]);
  const [nextCursor, setNextCursor] = useState<string | null>(null);
  const [problem, setProblem] = useState<unknown>(null);

  const show = useCallback(async (cursor: string | null): Promise<void> => {
    try {
      const page = await listChats(cursor);
      setProblem(null);
      setNextCursor(page.nextCursor);
      // A chat that moved up while the list was read is on two pages.
      const ids = new Set(page.chats.map(({ id }) => id));
      setChats((shown) => [...(cursor === null ? [] : shown.filter(({ id }) => !ids.has(id))), ...page.chats]);
    } catch (error) {
      setProblem(error);
    }
  }, []);
  const refresh = useCallback(() => void show(null), [show]);
  useEffect(() => {
    refresh();
    return onChange(refresh);
  }, [refresh]);
  return { chats, problem, refresh, more: nextCursor === null ? null : () => void show(nextCursor) };
}
