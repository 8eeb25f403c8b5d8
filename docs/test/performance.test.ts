import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { figuresFile, readFigures } from "../../benchmarks/src/figures.ts";
import { plotsOf } from "../../benchmarks/src/plot-files.ts";
import { reportIn, reportOf } from "../../benchmarks/src/report.ts";
import { textOf } from "./documents.ts";

const figures = readFigures();

test("docs/performance.md has the figures that were measured", () => {
  expect(reportIn(textOf("docs/performance.md"))).toBe(reportOf(figures));
});

test("the plots show the figures that were measured", () => {
  const plots = plotsOf(figures);
  const files = [...plots.keys()].map((file): [string, string] => [
    file,
    readFileSync(new URL(file, figuresFile), "utf8"),
  ]);
  expect(new Map(files)).toEqual(plots);
  expect(plots.size).toBe(4);
});
