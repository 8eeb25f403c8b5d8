import type { JsonObject } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { pinned } from "../src/environment.ts";
import { pauses, stable, type PauseRow } from "../src/pauses.ts";
import { startAgno, withAgnoOnEach } from "./support.ts";

const fixtures = "../../packages/agent/test/fixtures/agno-pauses.json";

withAgnoOnEach((name, fresh) => {
  const agno = startAgno();

  describe.runIf(name === "sqlite")("what Agno stores of its pauses", () => {
    test("is what the tests of the agents go by", { timeout: 120_000 }, async () => {
      const shared = await fresh();
      const there = await shared.openIn(agno);
      const rows: Record<string, PauseRow[]> = {};
      for (const [pause, { kind, options, scripts }] of Object.entries(pauses)) {
        await agno.call(kind, { name: "bot", db: there, ...options });
        const { run } = await agno.run("bot", "Note it", { session_id: pause, user_id: "ada", scripts });
        expect([pause, run["status"]]).toEqual([pause, "PAUSED"]);
        const found = await shared.query(`select * from agno_runs where session_id = '${pause}' order by run_index`);
        rows[pause] = found as unknown as PauseRow[];
      }
      if ((await agno.call("version")) === pinned.newest) {
        await expect(fixtureOf(rows)).toMatchFileSnapshot(fixtures);
      }
    });
  });
});

/** A row a line. */
function fixtureOf(rows: Readonly<Record<string, readonly PauseRow[]>>): string {
  const lines = Object.entries(stable(rows) as JsonObject).map(
    ([pause, stored]) =>
      `${JSON.stringify(pause)}: [\n${(stored as JsonObject[]).map((row) => JSON.stringify(row)).join(",\n")}\n]`,
  );
  return `{\n${lines.join(",\n")}\n}\n`;
}
