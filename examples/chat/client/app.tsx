import { useEffect, useState } from "react";
import { logOut, whoAmI, wordsFor } from "./api.ts";
import { ChatPage } from "./chat-page.tsx";
import { Login } from "./login.tsx";
import { Problem } from "./problem.tsx";
import { Sidebar } from "./sidebar.tsx";
import { useChatList } from "./use-chat-list.ts";
import { useOpenChat } from "./use-open-chat.ts";

/** The login, or the chats of who is signed in. */
export function App() {
  const [user, setUser] = useState<string | null>();
  const [problem, setProblem] = useState<unknown>(null);

  const ask = (): void => {
    setProblem(null);
    whoAmI().then(setUser, setProblem);
  };
  useEffect(ask, []);

  if (problem !== null) {
    return <Problem words={wordsFor(problem)} retry={ask} />;
  }
  if (user === undefined) {
    return <p role="status">Loading …</p>;
  }
  return user === null ? (
    <Login onLogin={setUser} />
  ) : (
    <Chats key={user} user={user} onLogout={() => void logOut().then(() => setUser(null), setProblem)} />
  );
}

function Chats({ user, onLogout }: { readonly user: string; readonly onLogout: () => void }) {
  const list = useChatList();
  const { chat, open, openNew, keep } = useOpenChat();
  return (
    <div className="chats">
      <Sidebar user={user} list={list} openId={chat.id} onOpen={open} onNew={openNew} onLogout={onLogout} />
      <ChatPage key={chat.id} chat={chat} onBegin={keep} onChange={list.refresh} />
    </div>
  );
}
