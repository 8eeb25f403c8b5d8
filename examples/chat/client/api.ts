import type { InferUITools, UIMessage } from "ai";
import type { tools } from "../src/tools.ts";

export type ChatMessage = UIMessage<unknown, never, InferUITools<typeof tools>>;

export interface ChatSummary {
  readonly id: string;
  readonly title: string | null;
}

export interface ChatList {
  readonly chats: readonly ChatSummary[];
  readonly nextCursor: string | null;
}

export interface LoadedChat {
  readonly messages: ChatMessage[];
  /** Where the messages before these begin; null if these are all. */
  readonly olderCursor: string | null;
  /** The id of the answer in progress; null while there is none. */
  readonly activeStreamId: string | null;
}

/** An answer of the server that is none: its status says why. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;

  constructor(status: number) {
    super(`Status ${status}`);
    this.status = status;
  }
}

/** `fetch` that rejects with an `ApiError` unless the status is one of success. */
export async function apiFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  if (!response.ok) {
    throw new ApiError(response.status);
  }
  return response;
}

async function json<Result>(path: string): Promise<Result> {
  return (await (await apiFetch(path)).json()) as Result;
}

async function send(method: string, path: string, body?: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  await apiFetch(path, { method, ...(body !== undefined && { headers, body: JSON.stringify(body) }) });
}

const from = (cursor: string | null): string => (cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`);

const pathOf = (id: string): string => `/api/chats/${encodeURIComponent(id)}`;

/** Returns the name of who is signed in; null if nobody is. */
export async function whoAmI(): Promise<string | null> {
  try {
    return (await json<{ name: string }>("/api/me")).name;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      return null;
    }
    throw error;
  }
}

export const logIn = (name: string, password: string): Promise<void> => send("POST", "/api/login", { name, password });

export const logOut = (): Promise<void> => send("POST", "/api/logout");

export const listChats = (cursor: string | null): Promise<ChatList> => json(`/api/chats${from(cursor)}`);

/** Returns the newest messages of a chat, or those before a cursor. */
export const loadChat = (id: string, cursor: string | null): Promise<LoadedChat> => json(pathOf(id) + from(cursor));

export const renameChat = (id: string, title: string): Promise<void> => send("PATCH", pathOf(id), { title });

export const deleteChat = (id: string): Promise<void> => send("DELETE", pathOf(id));

export const stopAnswer = (id: string): Promise<void> => send("POST", `${pathOf(id)}/stop`);

const words: Readonly<Record<number, string>> = {
  400: "The server did not accept this.",
  401: "You are no longer signed in.",
  404: "There is no such chat.",
  409: "The chat has changed meanwhile.",
  413: "This is too large.",
  503: "The server is busy.",
};

/** What to tell the user of an error. */
export function wordsFor(error: unknown): string {
  if (error instanceof ApiError) {
    return `${words[error.status] ?? "Something went wrong."} (${error.status})`;
  }
  return error instanceof TypeError ? "The server cannot be reached." : "The answer could not be finished.";
}
