// For agents and for plugs to other frameworks on the AI SDK: its model messages, as the store keeps them.

export { callIds, isOfTurn, separateResults, withCalls, withoutWords } from "./message-codec.ts";
export { refusalOf, withoutRefusal, withRefusal, type Refusal } from "./refusal.ts";
export { askedBefore, conversationOf, isAnswerOf, isOfChat, isQuestionOf } from "./run-messages.ts";
export { argumentsOf, shownKey } from "./stored-json.ts";
export { withShownQuestion } from "./shown-message.ts";
export { textOfData, withoutMedia } from "./stored-media.ts";
export { modelOutput, plainOutput, resultOf, resultPart } from "./tool-result-codec.ts";
export { isForPerson, isKeptText, messagesAfter, partOf7, untagged } from "./versions.ts";
