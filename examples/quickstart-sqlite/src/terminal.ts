import { styleText } from "node:util";

// What the demo prints with: plain text, in colour where the terminal shows it. https://no-color.org

const width = Math.min(process.stdout.columns || 80, 100);
const { NO_COLOR, FORCE_COLOR } = process.env;
const hasColour = !NO_COLOR && (process.stdout.isTTY || Boolean(FORCE_COLOR));

type Style = Parameters<typeof styleText>[0];

function paint(style: Style, text: string): string {
  return hasColour ? styleText(style, text) : text;
}

function print(text = ""): void {
  process.stdout.write(`${text}\n`);
}

export function title(text: string, subtitle: string): void {
  print(`\n  ${paint("bold", text)}  ${paint("dim", subtitle)}`);
}

let chapters = 0;

export function chapter(text: string, from = chapters + 1): void {
  chapters = from;
  const heading = ` ${from} · ${text} `;
  print(`\n${paint("cyan", `──${heading}${"─".repeat(Math.max(2, width - heading.length - 2))}`)}\n`);
}

/** A paragraph, wrapped. */
export function tell(text: string): void {
  for (const line of wrap(text, width - 4)) {
    print(`  ${line}`);
  }
}

export function detail(text: string): void {
  for (const line of wrap(text, width - 4)) {
    print(`  ${paint("dim", line)}`);
  }
}

/** One thing that somebody said, hung under their name. */
export function say(who: string, text: string, style: Style = "green"): void {
  const lines = wrap(text, width - 16);
  for (const [index, line] of lines.entries()) {
    print(`  ${index === 0 ? paint(style, who.padStart(10)) : " ".repeat(10)}  ${line}`);
  }
}

export function success(text: string): void {
  for (const [index, line] of wrap(text, width - 4).entries()) {
    print(`  ${index === 0 ? paint("green", "✓") : " "} ${line}`);
  }
}

export function gap(): void {
  print();
}

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => (row[column] ?? "").length)));
  const lay = (cells: readonly string[]): string =>
    cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  print(`  ${paint("dim", lay(heads).trimEnd())}`);
  for (const row of rows) {
    print(`  ${lay(row).trimEnd()}`);
  }
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
