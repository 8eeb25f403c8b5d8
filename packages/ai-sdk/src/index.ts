export { readChatRequest, type CallAnswer, type ChatRequest, type ChatRequestOptions } from "./chat-request.ts";
export {
  ChatStore,
  chatStore,
  type ChatHeader,
  type ChatList,
  type ChatStoreOptions,
  type ListChatsOptions,
  type LoadChatOptions,
  type LoadedChat,
  type TurnOptions,
} from "./chat-store.ts";
export { titleOf } from "./chat-title.ts";
export { ChatTurn, type AnswerEnd } from "./chat-turn.ts";
export { toModelMessages, toStoredMessages } from "./message-codec.ts";
export { toUIMessageChunks } from "./ui-message-chunks.ts";
export { toUIMessages, type UIMessageOptions } from "./ui-messages.ts";
