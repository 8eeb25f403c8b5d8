import { Agent, runContextOf } from "@sessiondb/agent";
import type { JsonObject } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { expect, test } from "vitest";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { startAgno, withAgnoOnEach } from "./support.ts";

/** Numbers that Python holds and JavaScript does not. Beyond 64 bits MySQL itself makes floats of them. */
const numbers =
  '"big":9007199254740993,"least":-9223372036854775808,"most":18446744073709551615,"huge":123456789012345678901234567890,' +
  '"one":1.0,"zero":0.0,"ten":1e16,"small":1e-07,"third":0.1,"int":7';
const nested = `{"count":1,${numbers},"été 😀":[1.0,{${numbers}},[9007199254740993]],"inner":{"count":1,"deep":{${numbers}}}}`;

/** The text of each number in JSON, by its path. */
function numbersIn(json: string): Record<string, string> {
  const texts = json.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d[-+.\deE]*/g, (token) =>
    token.startsWith('"') ? token : `"number ${token}"`,
  );
  const found: Record<string, string> = {};
  const walk = (value: unknown, path: string): void => {
    if (typeof value === "string" && value.startsWith("number ")) {
      found[path] = value;
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        walk(inner, `${path}/${key}`);
      }
    }
  };
  walk(JSON.parse(texts), "");
  return found;
}

const countUp = (state: JsonObject) => {
  const inner = state["inner"] as JsonObject;
  return { ...state, count: Number(state["count"]) + 1, inner: { ...inner, count: Number(inner["count"]) + 1 } };
};

const tools = {
  count: tool({
    inputSchema: jsonSchema<object>({ type: "object" }),
    execute: (_, options) => {
      runContextOf(options).updateSessionState(countUp);
      return "counted";
    },
  }),
  count_in_place: tool({
    inputSchema: jsonSchema<object>({ type: "object" }),
    execute: (_, options) => {
      const { sessionState } = runContextOf(options);
      Object.assign(sessionState, countUp(sessionState));
      return "counted";
    },
  }),
};

withAgnoOnEach((name, fresh) => {
  const agno = startAgno();

  test("our turns keep the numbers of a state as Agno wrote them", { timeout: 60_000 }, async () => {
    const shared = await fresh();
    const there = await shared.openIn(agno);
    await agno.call("agent", { name: "bot", db: there });
    const own = { session_id: "s", user_id: "ada" };
    await agno.run("bot", "one?", { ...own, session_state: nested, scripts: { bot: [{ text: "one" }] } });
    const read = async (): Promise<{ text: string; state: JsonObject }> => {
      const text = (await agno.call("session_data", { db: there, session_id: "s", session_type: "agent" })) as string;
      return { text, state: (JSON.parse(text) as { session_state: JsonObject }).session_state };
    };
    const before = numbersIn((await read()).text);
    expect(before["/session_state/big"]).toBe("number 9007199254740993");
    expect(before["/session_state/one"]).toBe("number 1.0");
    expect(before["/session_state/huge"]).toBe(
      name === "mysql" ? "number 1.2345678901234568e+29" : "number 123456789012345678901234567890",
    );

    await using db = shared.open();
    let counted = 1;
    const agentOf = (calls: readonly string[]): Agent =>
      new Agent({
        id: "bot",
        db,
        tools,
        model: scriptedModel([...calls.map((call) => ({ calls: [{ name: call }] })), "done"]),
      });
    const scope = { sessionId: "s", userId: "ada" };
    const steps: Record<string, () => Promise<unknown>> = {
      "a turn without a change": () => agentOf([]).run("go", scope),
      "a turn that counts": () => agentOf(["count"]).run("go", scope),
      "a turn that counts in place": () => agentOf(["count_in_place"]).run("go", scope),
      "a turn that counts twice": () => agentOf(["count", "count_in_place"]).run("go", scope),
      "a turn with a state": () => agentOf([]).run("go", { ...scope, sessionState: { inner: { given: true } } }),
      "a change of the state": () => agentOf([]).updateSessionState({ ...scope, change: countUp }),
      "a key of the state": () => agentOf([]).updateSessionState({ ...scope, change: { plan: "pro" } }),
      "a rename": () => agentOf([]).renameSession({ ...scope, sessionName: "renamed" }),
      "a turn of Agno": () => agno.run("bot", "more?", { ...own, scripts: { bot: [{ text: "more" }] } }),
    };
    const counts: Record<string, number> = {
      "a turn that counts": 1,
      "a turn that counts in place": 1,
      "a turn that counts twice": 2,
      "a change of the state": 1,
    };
    const isOurs = (path: string) => path.endsWith("/count") || path.includes("/session_metrics/");
    for (const [step, run] of [...Object.entries(steps), ...Object.entries(steps)]) {
      await run();
      counted += counts[step] ?? 0;
      const { text, state } = await read();
      const after = numbersIn(text);
      const theirs = Object.keys(before).filter((path) => !isOurs(path));
      expect([step, theirs.map((path) => [path, after[path]])]).toEqual([
        step,
        theirs.map((path) => [path, before[path]]),
      ]);
      expect([step, state["count"], (state["inner"] as JsonObject)["count"]]).toEqual([step, counted, counted]);
    }
    const { text, state } = await read();
    expect(state).toMatchObject({ plan: "pro", inner: { given: true } });
    expect((JSON.parse(text) as JsonObject)["session_name"]).toBe("renamed");
  });
});
