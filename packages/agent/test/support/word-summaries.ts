import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";

/** The words that begin with a number sign. */
export function wordsIn(text: string): string[] {
  return [...text.matchAll(/#(\w+)/gu)].map(([, word = ""]) => word);
}

/**
 * A model whose summary is every word with a number sign that it was ever told: what is lost, or told twice, shows.
 * `asked` has those of the conversations, for each call that was answered. `wait` is asked before each answer.
 */
export function wordSummaries(wait: (words: readonly string[]) => unknown = () => null) {
  const asked: string[][] = [];
  const model = scriptedModel(async ({ prompt }) => {
    const [before = "", conversation = ""] = (shown(prompt).at(-1) ?? "").split("<conversation>\n");
    const words = wordsIn(conversation);
    const refused = await wait(words);
    if (refused instanceof Error) {
      return refused;
    }
    asked.push(words);
    const summary = [...wordsIn(before), ...words].map((word) => `#${word}`).join(" ");
    return JSON.stringify({ summary, topics: [] });
  });
  return Object.assign(model, { asked });
}
