export { toModelMessages, toStoredMessages } from "./message-codec.ts";
