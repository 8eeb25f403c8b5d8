import { describe, expect, test } from "vitest";
import { problemOfVersions } from "../src/sqlite-connection.ts";

// Each cell was tried: these Nodes were run with these drivers, or end the process as their neighbours did.
const drivers = ["12.0.0", "12.11.1", "13.0.0", "13.2.0", "14.0.0"];
const nodes = [
  { node: "20.19.0", napi: "9", driver: 12 },
  { node: "20.20.2", napi: "9", driver: 12 },
  { node: "22.12.0", napi: "9", driver: 12 },
  { node: "22.14.0", napi: "10", driver: null },
  { node: "22.23.3", napi: "10", driver: null },
  { node: "24.18.0", napi: "10", driver: null },
  { node: "24.19.0", napi: "10", driver: 13 },
  { node: "24.21.0", napi: "10", driver: 13 },
  { node: "26.12.1", napi: "10", driver: null },
];

describe.each(nodes)("Node $node", ({ node, napi, driver }) => {
  test.each(drivers)("with better-sqlite3 %s", (version) => {
    const problem = problemOfVersions({ driver: version, node, napi });
    const works = driver === null || (driver === 12) === version.startsWith("12");
    const told: unknown = expect.stringMatching(`better-sqlite3 ${version} .*Node ${node}.*better-sqlite3@${driver}`);
    expect(problem).toEqual(works ? null : told);
  });

  test("is not refused with a driver of unknown version", () => {
    expect(problemOfVersions({ driver: null, node, napi })).toBeNull();
    expect(problemOfVersions({ driver: "13.2.0", node: "24.21.0", napi: undefined })).toBeNull();
  });
});
