import { inspect } from "node:util";
import { DriverError } from "@sessiondb/drizzle";
import { describe, expect, test } from "vitest";

const secret = "For Ada only, and for nobody else.";
const known = { server: "Postgres", names: ["agno_runs", "run_id", "id"] };

function fault(fields: object): Error {
  return Object.assign(new Error(`duplicate key (run_id)=(${secret})`), fields);
}

describe("DriverError", () => {
  test("keeps codes and names, and our names that the server's message mentions", () => {
    const fields = { code: "23505", severity: "ERROR", table: "agno_runs", constraint: "agno_runs_pkey" };
    const error = new DriverError(fault(fields), known);
    expect(error).toMatchObject({ name: "DriverError", ...fields });
    expect(error.message).toBe("Postgres reported 23505 about run_id");
  });

  test.each([
    ["a message", fault({ code: "23505" })],
    ["a detail", fault({ detail: secret, hint: secret, where: secret, sqlMessage: secret, sql: secret })],
    ["what should be a name", fault({ code: secret, table: secret, constraint: secret, routine: secret })],
    ["a cause", fault({ cause: new Error(secret) })],
    ["fields that are objects", fault({ code: { secret }, table: [secret] })],
  ])("keeps nothing of %s", (_, cause) => {
    expect(inspect(new DriverError(cause, known), { depth: 10, showHidden: true })).not.toContain("Ada");
  });

  test("does not take part of a word for a name", () => {
    expect(new DriverError(new Error("the id of agno_runs_2, run_idé"), known).message).toBe(
      "Postgres reported an error about id",
    );
  });
});
