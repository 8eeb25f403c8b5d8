import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import type { AgentResult } from "./agent.ts";
import type { CodecResult } from "./codec.ts";
import type { DatabaseName } from "./database-names.ts";
import type { DatabaseResults } from "./databases.ts";
import type { LengthResults } from "./lengths.ts";
import type { MemoriesResult } from "./memories.ts";

/** Where and when figures were measured. */
export interface Conditions {
  /** A day, as in `2026-01-31`. */
  readonly measured: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  /** In gigabytes. */
  readonly memory: number;
  readonly system: string;
}

type LengthsName = `lengths of ${DatabaseName}`;

/** Everything that was measured, part by part: a part that was not measured again keeps its figures. */
export type Figures = { readonly [Name in DatabaseName]?: Conditions & DatabaseResults } & {
  readonly [Name in LengthsName]?: Conditions & LengthResults;
} & {
  readonly codec?: Conditions & { readonly results: readonly CodecResult[] };
  readonly agent?: Conditions & { readonly results: readonly AgentResult[] };
  readonly memories?: Conditions & { readonly results: readonly MemoriesResult[] };
};

/** The figures of the documents. */
export const figuresFile = new URL("../../docs/plots/figures.json", import.meta.url);

export function readFigures(): Figures {
  return existsSync(figuresFile) ? (JSON.parse(readFileSync(figuresFile, "utf8")) as Figures) : {};
}

/** Writes figures, rounded to four digits. */
export function writeFigures(figures: Figures, file: URL = figuresFile): void {
  const rounded = (_key: string, value: unknown): unknown =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  writeFileSync(file, `${JSON.stringify(figures, rounded, 2)}\n`);
}

export function conditions(): Conditions {
  return {
    measured: new Date().toISOString().slice(0, 10),
    node: process.version,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
  };
}
