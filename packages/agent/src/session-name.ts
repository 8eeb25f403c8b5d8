import type { Metrics, Session } from "@sessiondb/core";
import { promptData, type Prices } from "@sessiondb/turns";
import { generateText, type LanguageModel } from "ai";
import { stepMetrics } from "./metrics.ts";

const mostWords = 5;
const attempts = 3;
/** The beginning of a conversation is enough to name it. */
const mostCharacters = 4000;

interface NameOptions {
  readonly model: LanguageModel;
  readonly prices: Prices;
  /** The name of a session without messages. */
  readonly otherwise: string;
  /** Takes the tokens of each call of the model. */
  readonly count: (metrics: Metrics) => void;
}

/** Asks a model to name a session in a few words, from its messages. Returns `otherwise` if there is no name. */
export async function generateName(
  session: Session,
  { model, prices, otherwise, count }: NameOptions,
): Promise<string> {
  const conversation = conversationOf(session);
  if (conversation.length === 0) {
    return otherwise;
  }
  let name = "";
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const { text } = await generateText({
      model,
      system: `Name the conversation. Answer with a name of at most ${mostWords} words and nothing else.`,
      prompt: promptData("conversation", conversation),
      onStepFinish: (step) => count(stepMetrics(step, { use: "model", prices })),
    });
    name = text.replaceAll(/\s+/g, " ").replaceAll(/^["' ]+|["'. ]+$/g, "");
    if (name !== "" && name.split(" ").length <= mostWords) {
      return name;
    }
  }
  return name === "" ? otherwise : name.split(" ").slice(0, mostWords).join(" ");
}

function conversationOf(session: Session): { role: string; content: string }[] {
  const messages = session.sessionType === "workflow" ? [] : session.getMessages({ skipRoles: ["system", "tool"] });
  let left = mostCharacters;
  return messages.flatMap(({ role, content }) => {
    const text = typeof content === "string" ? content.slice(0, left) : "";
    left -= text.length;
    return text === "" ? [] : [{ role, content: text }];
  });
}
