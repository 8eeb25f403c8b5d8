import { indexName, tableNames } from "@sessiondb/drizzle";
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
    [{ sessionTable: "Chats", runsTable: "chats" }, "runsTable"],
    [{ runsTable: "AGNO_sessions" }, "runsTable"],
    [{ runsTable: "" }, "runsTable"],
  ])("of %j are refused", (options, argument) => {
    expect(() => tableNames(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT", argument }));
  });
});

describe("indexName", () => {
  test("keeps a name that every database can hold", () => {
    expect(indexName("idx_agno_runs_user_id")).toBe("idx_agno_runs_user_id");
    expect(indexName("x".repeat(63))).toBe("x".repeat(63));
  });

  test.each(["x", "é", "日", "😀"])("shortens long names of %s to 63 bytes, and keeps them distinct", (letter) => {
    const beginning = letter.repeat(60);
    const names = ["_a", "_b", "_session_id_run_index"].map((end) => indexName(`${beginning}${end}`));
    expect(new Set(names).size).toBe(3);
    for (const name of names) {
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
      expect(Buffer.byteLength(name)).toBeGreaterThan(59);
      expect(name).not.toMatch(/\p{Surrogate}/u);
    }
  });
});
