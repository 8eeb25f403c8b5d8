const channel = new BroadcastChannel("chats");

/** Tells the other tabs of this browser that a chat has changed. */
export function tellTabs(chatId: string): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- Only a window takes one.
  channel.postMessage(chatId);
}

/** Calls `listener` whenever another tab has changed a chat, or this one may have missed that. Returns what ends it. */
export function onChange(listener: (chatId: string | null) => void): () => void {
  const told = ({ data }: MessageEvent<string>): void => listener(data);
  const shown = (): void => {
    if (document.visibilityState === "visible") {
      listener(null);
    }
  };
  channel.addEventListener("message", told);
  document.addEventListener("visibilitychange", shown);
  return () => {
    channel.removeEventListener("message", told);
    document.removeEventListener("visibilitychange", shown);
  };
}
