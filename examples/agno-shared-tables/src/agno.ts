import { readFileSync } from "node:fs";
import type pg from "pg";

type Row = Readonly<Record<string, unknown>>;

const { session, runs } = JSON.parse(readFileSync(new URL("../data/agno-3-rows.json", import.meta.url), "utf8")) as {
  session: Row;
  runs: Row[];
};

/** Stands in for Agno 3 in Python: the statements it sends, on the tables as they are. */
export class Agno {
  readonly #client: pg.Client;
  readonly #schema: string;

  constructor(client: pg.Client, schema: string) {
    this.#client = client;
    this.#schema = schema;
  }

  /** `agent.run()` twice: the session's row, then a row for each run, at the place of the run in its list. */
  async twoTurns(): Promise<void> {
    await this.#insert("agno_sessions", session);
    for (const run of runs) {
      await this.#insert("agno_runs", run);
    }
  }

  /** Another `agent.run()`: Agno loads all runs, and numbers the new one by their count. */
  async anotherTurn(question: string, answer: string): Promise<void> {
    const runId = crypto.randomUUID();
    const now = Math.floor(Date.now() / 1000);
    const message = { from_history: false, stop_after_tool_call: false, created_at: now };
    const [like] = runs;
    const data = {
      ...(like?.["run_data"] as Row),
      run_id: runId,
      content: answer,
      created_at: now,
      input: { input_content: question },
      messages: [
        { ...message, id: crypto.randomUUID(), role: "user", content: question },
        { ...message, id: crypto.randomUUID(), role: "assistant", content: answer },
      ],
    };
    const place = (await this.runs()).length;
    await this.#insert("agno_runs", {
      ...like,
      run_id: runId,
      run_index: place,
      run_data: data,
      created_at: now,
      updated_at: now,
    });
  }

  /** `get_session`: the JSON of the runs in their order. A run that Agno cannot tell the kind of is dropped. */
  async runs(): Promise<Row[]> {
    const { rows } = await this.#client.query<{ run_data: Row }>(
      `select run_data from ${this.#schema}.agno_runs where session_id = $1
       order by run_index asc, created_at asc, run_id asc`,
      [session["session_id"]],
    );
    return rows.map(({ run_data: data }) => data).filter((data) => "agent_id" in data || "team_id" in data);
  }

  async #insert(table: string, row: Row): Promise<void> {
    const names = Object.keys(row);
    const values = Object.values(row).map((value) =>
      typeof value === "object" && value !== null ? JSON.stringify(value) : value,
    );
    const places = names.map((_, index) => `$${index + 1}`);
    await this.#client.query(
      `insert into ${this.#schema}.${table} (${names.join(", ")}) values (${places.join(", ")})`,
      values,
    );
  }
}
