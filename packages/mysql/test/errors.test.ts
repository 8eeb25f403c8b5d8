import { expect, test } from "vitest";
import { classifyMysqlError } from "../src/mysql-errors.ts";

const place = { server: "db.example.com", names: ["agno_runs", "session_id"] };

function serverError(errno: number, message: string): Error {
  return Object.assign(new Error(message), { errno, code: `ER_${errno}`, sqlMessage: message });
}

// What Vitess says under numbers that mean something else, or nothing, on MySQL.
test.each([
  [1105, "target: s.-80.primary: no healthy tablet available for 'keyspace:\"s\"'", "DATABASE_BUSY", true],
  [1105, "syntax error at position 9 near 'next'", "DATABASE_ERROR", false],
  [1317, "Row count exceeded 10000 (CallerID: app)", "DATABASE_ERROR", false],
  [1317, "multi-db transaction attempted: [a b]", "DATABASE_ERROR", false],
  [1317, "Query execution was interrupted", "DATABASE_BUSY", true],
  [1203, "trying to send message larger than max (17000000 vs. 16777216)", "DATABASE_ERROR", false],
  [1203, "User app already has more than 'max_user_connections' active connections", "DATABASE_BUSY", true],
  [1153, "Got a packet bigger than 'max_allowed_packet' bytes", "DATABASE_ERROR", false],
] as const)("%i: %s", (errno, message, ...expected) => {
  const classified = classifyMysqlError(serverError(errno, message), place);
  expect([classified.error.code, classified.transient]).toEqual(expected);
  expect(classified.error.message + String(classified.error.cause)).not.toContain(message.slice(0, 12));
});

test.each([
  ["Data too long for column 'session_id' at row 1", "session_id"],
  ["Incorrect string value: '\\xF0' for column `agents`.`agno_runs`.`session_id` at row 1", "session_id"],
  ["Data too long for column 'a secret' at row 1", "a value"],
])("the column of %s is %s", (message, argument) => {
  expect(classifyMysqlError(serverError(1406, message), place).error).toMatchObject({ argument });
});
