import { Agent, Team } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** A leader who delegates: the members' runs are kept beside the leader's, and are not part of its history. */
export const team: Example = async ({ model, db, say }) => {
  const writer = new Agent({ id: "writer", model, description: "Writes texts." });
  const critic = new Agent({ id: "critic", model, description: "Finds what is wrong with a text." });
  await using newsroom = new Team({ id: "newsroom", model, db, members: [writer, critic] });
  const { sessionId, text } = await newsroom.run("Have the writer write a line about tea.");
  say(text);
  const runs = (await newsroom.getSession({ sessionId }))?.runs ?? [];
  say(`runs: ${runs.map((run) => (run.runType === "agent" ? run.agentId : run.runType)).join(", ")}`);
};
