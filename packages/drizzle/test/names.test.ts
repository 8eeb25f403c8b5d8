import { tableNames } from "@sessiondb/drizzle";
import { describe, expect, test } from "vitest";

describe("tableNames", () => {
  test.each([
    [undefined, "agno_sessions", "agno_runs"],
    [{}, "agno_sessions", "agno_runs"],
    [{ sessionTable: "agno_sessions" }, "agno_sessions", "agno_runs"],
    [{ sessionTable: "chats" }, "chats", "chats_runs"],
    [{ runsTable: "turns" }, "agno_sessions", "turns"],
    [{ sessionTable: "chats", runsTable: "agno_runs" }, "chats", "agno_runs"],
    [{ sessionTable: 'odd "name"; --' }, 'odd "name"; --', 'odd "name"; --_runs'],
    [{ sessionTable: "Gespräche 😀" }, "Gespräche 😀", "Gespräche 😀_runs"],
    [{ sessionTable: "x".repeat(43) }, "x".repeat(43), `${"x".repeat(43)}_runs`],
  ])("of %j are those of Agno", (options, sessions, runs) => {
    expect(tableNames(options)).toEqual({ sessions, runs, versions: "agno_schema_versions" });
  });

  test.each([
    [{ sessionTable: "" }, "sessionTable"],
    [{ sessionTable: "a\0" }, "sessionTable"],
    [{ sessionTable: "\ud800" }, "sessionTable"],
    [{ sessionTable: "x".repeat(49) }, "sessionTable"],
    [{ sessionTable: "é".repeat(25) }, "sessionTable"],
    [{ sessionTable: "x".repeat(44) }, "runsTable"],
    [{ sessionTable: 5 as unknown as string }, "sessionTable"],
    [{ sessionTable: "same", runsTable: "same" }, "runsTable"],
    [{ sessionTable: "agno_schema_versions" }, "runsTable"],
    [{ runsTable: "" }, "runsTable"],
  ])("of %j are refused", (options, argument) => {
    expect(() => tableNames(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT", argument }));
  });
});
