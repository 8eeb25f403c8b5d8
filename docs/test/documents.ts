import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A fenced block of a document. */
export interface Fence {
  /** Path from the root. */
  readonly document: string;
  readonly language: string;
  /** The line of the document that its first line is. */
  readonly line: number;
  readonly text: string;
}

/** Every Markdown file that people read, by its path from the root. */
export const documents: readonly string[] = [
  ...markdownIn("."),
  ...markdownIn("docs"),
  ...markdownIn("docs/decisions"),
  ...markdownIn("benchmarks"),
  ...markdownIn("agno"),
  ...["packages", "examples"].flatMap((folder) =>
    readdirSync(join(root, folder)).flatMap((name) => markdownIn(`${folder}/${name}`)),
  ),
]
  .map((path) => path.replace(/^\.\//, ""))
  // Made by scripts.
  .filter((path) => !/(^|\/)(api|CHANGELOG)\.md$/.test(path));

/** Where the repository lives, as the root package.json says it. */
export const repository = (
  JSON.parse(textOf("package.json")) as { readonly repository: { readonly url: string } }
).repository.url.replace(/^git\+|\.git$/g, "");

/** The documents about databases with a server, whose SQL is theirs. */
export const ofServers: ReadonlySet<string> = new Set(["docs/postgres.md", "docs/mysql.md"]);

function markdownIn(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`);
}

export function textOf(document: string): string {
  return readFileSync(join(root, document), "utf8");
}

export const fences: readonly Fence[] = documents.flatMap(fencesOf);

function fencesOf(document: string): Fence[] {
  const found: Fence[] = [];
  let open: { language: string; line: number; lines: string[] } | null = null;
  for (const [index, line] of textOf(document).split("\n").entries()) {
    const mark = /^\s*```(.*)$/.exec(line);
    if (mark === null) {
      open?.lines.push(line);
    } else if (open === null) {
      open = { language: (mark[1] ?? "").trim(), line: index + 2, lines: [] };
    } else {
      found.push({ document, language: open.language, line: open.line, text: open.lines.join("\n") });
      open = null;
    }
  }
  if (open !== null) {
    throw new Error(`${document}:${open.line - 1}: this block is never closed`);
  }
  return found;
}

/** The text without fenced blocks and inline code, for what is said between them. */
export function proseOf(document: string): string {
  return textOf(document)
    .replace(/^\s*```[\s\S]*?^\s*```$/gm, "")
    .replace(/`[^`\n]*`/g, "");
}
