import { readFileSync, writeFileSync } from "node:fs";
import type { AgentResult } from "./agent.ts";
import type { CodecResult } from "./codec.ts";
import { databaseNames, titles } from "./database-names.ts";
import type { Conditions, Figures } from "./figures.ts";
import type { Result } from "./measure.ts";
import type { Growths } from "./turns.ts";
import type { Throughput } from "./throughput.ts";

const document = new URL("../../docs/performance.md", import.meta.url);
const begin = "<!-- figures: begin -->";
const end = "<!-- figures: end -->";

/** Puts the figures into the document. */
export function writeReport(figures: Figures): void {
  const text = readFileSync(document, "utf8");
  writeFileSync(
    document,
    text.replace(reportIn(text), () => reportOf(figures)),
  );
}

/** The part of the document between the marks, with them. */
export function reportIn(text: string): string {
  return text.slice(text.indexOf(begin), text.indexOf(end) + end.length);
}

/** The part of the document that is made from the figures. */
export function reportOf(figures: Figures): string {
  const all = [...databaseNames.map((name) => figures[name]), figures.codec, figures.agent, figures.memories];
  const conditions = [...new Set(all.flatMap((part) => (part === undefined ? [] : [conditionsOf(part)])))];
  // Said once, if all is from one machine and day.
  const [shared] = conditions;
  const own = (part: Conditions): string[] => (conditions.length > 1 ? [conditionsOf(part)] : []);
  const parts = conditions.length === 1 && shared !== undefined ? [shared] : [];
  for (const name of databaseNames) {
    const part = figures[name];
    if (part !== undefined) {
      const { versions, results, growths, throughput } = part;
      parts.push(`### ${titles[name]}`, [`${versions}.`, ...own(part)].join(" "), timesOf(results), growthsOf(growths));
      if (throughput) {
        parts.push(throughputOf(throughput));
      }
    }
  }
  const { codec, agent, memories } = figures;
  if (codec !== undefined) {
    parts.push("### Codecs", ...own(codec), codecsOf(codec.results));
  }
  if (agent !== undefined) {
    parts.push("### Agents", ...own(agent), agentsOf(agent.results));
  }
  if (memories !== undefined) {
    const tables = memories.results.map(({ database, results }) => `${database}:\n\n${timesOf(results)}`);
    parts.push("### Memories", ...own(memories), ...tables);
  }
  return [begin, ...parts, end].join("\n\n");
}

function conditionsOf({ measured, node, cpu, cores, memory, system }: Conditions): string {
  return `Measured on ${measured}: Node ${node.slice(1)}, ${system}, ${cores} cores of ${cpu}, ${memory} GB.`;
}

function codecsOf(results: readonly CodecResult[]): string {
  const [aims] = results;
  const heads = [
    "",
    `decode (aim ${aimOf(aims?.decode)})`,
    "decode and read all",
    `encode (aim ${aimOf(aims?.encode)})`,
  ];
  const rows = results.map(({ runs, decode, decodeAndRead, encode }) => [
    runs,
    ...[decode, decodeAndRead, encode].map(({ ratio }) => ratio.toFixed(2)),
  ]);
  return table(heads, rows);
}

function agentsOf(results: readonly AgentResult[]): string {
  const heads = ["", "reads", "writes", "turn, ms", "by hand, ms", "agent's own, ms", "aim"];
  const rows = results.map(({ database, length, reads, writes, turn, byHand, own, atMost }) => [
    `${database}, after ${count(length)} runs`,
    ...[reads, writes].map(String),
    ...[turn, byHand, own, atMost].map((time) => time.toFixed(2)),
  ]);
  return table(heads, rows);
}

function timesOf(results: readonly Result[]): string {
  return table(
    ["", "store, µs", "by hand, µs", "ratio", "aim"],
    results.map((result) => [
      result.name,
      count(result.store),
      count(result.bare),
      result.ratio.toFixed(2),
      aimOf(result),
    ]),
  );
}

function growthsOf({ upsertRun, getSession, atMost }: Growths): string {
  return `At 10,000 runs a turn takes ${upsertRun.toFixed(2)} times what it takes at 10, a read ${getSession.toFixed(2)} times (aim ${atMost.toFixed(2)}).`;
}

function throughputOf({ conversations, store, bare, pgbench, ofBare, ofPgbench }: Throughput): string {
  return table(
    [`${conversations} conversations at once`, "turns per second", "store over it", "aim"],
    [
      ["store", count(store), "", ""],
      ["by hand, in Node", count(bare), ofBare.ratio.toFixed(2), ofBare.atLeast.toFixed(2)],
      ["pgbench", count(pgbench), ofPgbench.ratio.toFixed(2), ofPgbench.atLeast.toFixed(2)],
    ],
  );
}

const count = (value: number): string => Math.round(value).toLocaleString("en");
const aimOf = (result: Result | undefined): string => result?.atMost?.toFixed(2) ?? "";

/** A table as the formatter aligns it: the first column to the left, the others to the right. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) => Math.max(3, head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => {
    const padded = widths.map((width, column) => {
      const cell = cells[column] ?? "";
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(heads), line(rule), ...rows.map(line)].join("\n");
}
