import { useState } from "react";
import { deleteChat, renameChat, wordsFor, type ChatSummary } from "./api.ts";
import { fieldOf } from "./field.ts";
import { Problem } from "./problem.tsx";
import { tellTabs } from "./tabs.ts";
import type { ChatListState } from "./use-chat-list.ts";
import { addressOf } from "./use-open-chat.ts";

interface SidebarProps {
  readonly user: string;
  readonly list: ChatListState;
  readonly openId: string;
  readonly onOpen: (id: string) => void;
  readonly onNew: () => void;
  readonly onLogout: () => void;
}

export function Sidebar({ user, list, openId, onOpen, onNew, onLogout }: SidebarProps) {
  const { chats, problem, more, refresh } = list;
  return (
    <nav aria-label="Chats">
      <button type="button" onClick={onNew}>
        New chat
      </button>
      <ul>
        {chats.map((chat) => (
          <ChatItem
            key={chat.id}
            chat={chat}
            isOpen={chat.id === openId}
            onOpen={() => onOpen(chat.id)}
            onRenamed={refresh}
            onDeleted={() => {
              refresh();
              if (chat.id === openId) {
                onNew();
              }
            }}
          />
        ))}
      </ul>
      {problem !== null && <Problem words={wordsFor(problem)} retry={refresh} />}
      {more !== null && (
        <button type="button" onClick={more}>
          More chats
        </button>
      )}
      <p>
        {user}{" "}
        <button type="button" onClick={onLogout}>
          Sign out
        </button>
      </p>
    </nav>
  );
}

interface ChatItemProps {
  readonly chat: ChatSummary;
  readonly isOpen: boolean;
  readonly onOpen: () => void;
  readonly onRenamed: () => void;
  readonly onDeleted: () => void;
}

function ChatItem({ chat: { id, title: given }, isOpen, onOpen, onRenamed, onDeleted }: ChatItemProps) {
  const title = given ?? "Untitled";
  const [isRenaming, setRenaming] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);

  const change = async (call: Promise<void>, done: () => void): Promise<void> => {
    try {
      await call;
      setProblem(null);
      tellTabs(id);
      done();
    } catch (error) {
      setProblem(error);
    }
  };
  const rename = (name: string): void => {
    setRenaming(false);
    if (name.trim() !== "" && name !== title) {
      void change(renameChat(id, name), onRenamed);
    }
  };
  const remove = (): void => {
    if (confirm(`Delete “${title}”?`)) {
      void change(deleteChat(id), onDeleted);
    }
  };

  return (
    <li>
      {isRenaming ? (
        <form action={(form) => rename(fieldOf(form, "title"))}>
          <input name="title" aria-label="Title" defaultValue={title} maxLength={200} autoFocus />
          <button>Save</button>
        </form>
      ) : (
        <>
          <a
            href={addressOf(id)}
            aria-current={isOpen ? "page" : undefined}
            onClick={(event) => {
              if (!event.metaKey && !event.ctrlKey && !event.shiftKey) {
                event.preventDefault();
                onOpen();
              }
            }}
          >
            {title}
          </a>
          <button type="button" aria-label={`Rename ${title}`} onClick={() => setRenaming(true)}>
            ✎
          </button>
          <button type="button" aria-label={`Delete ${title}`} onClick={remove}>
            ✕
          </button>
        </>
      )}
      {problem !== null && <Problem words={wordsFor(problem)} />}
    </li>
  );
}
