import { Agent, condition, parallel, Workflow } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** Steps of functions and agents; each run of all of them is one row. */
export const workflow: Example = async ({ model, db, say }) => {
  const writer = new Agent({ id: "writer", model, instructions: "Write one line about the topic." });
  const painter = new Agent({ id: "painter", model, instructions: "Describe a picture for the topic." });
  await using page = new Workflow({
    id: "page",
    db,
    steps: [
      function topic({ input }) {
        return `The topic is ${input as string}.`;
      },
      parallel("create", [writer, painter]),
      condition("enough", {
        when: ({ previous }) => Array.isArray(previous) && previous.length === 2,
        steps: [({ previous }) => (previous as string[]).join("\n")],
      }),
    ],
  });
  const { content, sessionId } = await page.run("tea");
  say(content as string);
  const [run] = (await page.getSession({ sessionId }))?.runs ?? [];
  say(`steps: ${run?.runType === "workflow" ? run.stepResults?.map(({ stepName }) => stepName).join(", ") : ""}`);
};
