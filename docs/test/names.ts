import { readdirSync } from "node:fs";
import { parseSync } from "vite";
import { commandExists } from "./commands.ts";
import { documents, fences, root, textOf } from "./documents.ts";

// What stands in backticks in a document, or in a comment of the packages, is a name of something: of an export, a member,
// an option, a column, a file, a command. A name exists if the code has it, or if it is one of the foreign words.

/** What stands in backticks. */
export interface Mention {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

interface Source {
  readonly file: string;
  /** Without comments, and without strings of several words, such as the messages of errors. */
  readonly code: string;
  readonly comments: readonly { readonly line: number; readonly text: string }[];
}

const files = ["packages", "examples", "benchmarks", "scripts", "agno", "docs", "."].flatMap((folder) =>
  readdirSync(`${root}/${folder}`, { recursive: folder !== ".", withFileTypes: true, encoding: "utf8" })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      `${entry.parentPath}/${entry.name}`
        .slice(root.length)
        .replaceAll("\\", "/")
        .replace(/^[./]+/, ""),
    )
    // Without what commands make here.
    .filter((file) => !/(^|\/)((node_modules|dist|\.snippets|\.turbo)\/|results\.json$)/.test(file)),
);

const sources: readonly Source[] = files
  .filter((file) => /^((packages|examples|benchmarks|agno)\/(.+\/)?src|scripts)\/.*\.(ts|mjs)$/.test(file))
  .map(read);

function read(file: string): Source {
  const text = textOf(file);
  const { comments } = parseSync(file, text);
  let code = "";
  let end = 0;
  for (const comment of comments) {
    code += text.slice(end, comment.start);
    end = comment.end;
  }
  code += text.slice(end);
  return {
    file,
    code: code.replaceAll(/"(?:[^"\\\n]|\\.)*"/g, (quoted) => (/\s/.test(quoted) ? "" : quoted)),
    comments: comments.map(({ start, value }) => ({ line: lineAt(text, start), text: value })),
  };
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

function wordsOf(text: string): string[] {
  return (text.match(/[\p{L}_$][\p{L}\d_$]*/gu) ?? []).filter((word) => /^[\w$]{2,}$/.test(word));
}

/** The words that the code has. The programs of the documents are code, too: they are compiled and run. */
export const wordsOfCode: ReadonlySet<string> = new Set(
  [
    ...sources.map(({ code }) => code),
    ...fences.filter(({ language }) => language !== "text").map(({ text }) => text),
    ...files,
    ...files
      .filter((file) => /(^|\/)(package\.json|compose\.yaml|\.oxlintrc\.json|tsconfig[^/]*)$/.test(file))
      .map(textOf),
  ].flatMap(wordsOf),
);

/** All that stands in backticks in the documents and in the comments of the packages, and the names in drawings. */
export const mentions: readonly Mention[] = [
  ...fences
    .filter(({ language }) => language === "text")
    .flatMap(({ document, line, text }) =>
      [...text.matchAll(/\w+[a-z][A-Z]\w+|[\w-]+\.ts/g)].map((match) => ({
        file: document,
        line: line + lineAt(text, match.index) - 1,
        text: match[0],
      })),
    ),
  ...documents.flatMap((file) => mentionsIn(file, withoutFences(textOf(file)), 1)),
  ...sources
    .filter(({ file }) => file.startsWith("packages/"))
    .flatMap(({ file, comments }) => comments.flatMap(({ line, text }) => mentionsIn(file, text, line))),
];

function withoutFences(text: string): string {
  return text.replaceAll(/^\s*```[\s\S]*?^\s*```$/gm, (fence) => fence.replaceAll(/[^\n]/g, ""));
}

function mentionsIn(file: string, text: string, firstLine: number): Mention[] {
  return [...text.matchAll(/`([^`]+)`|\{@link ([^}\s|]+)/g)].map((match) => ({
    file,
    line: firstLine + lineAt(text, match.index) - 1,
    text: (match[1] ?? match[2] ?? "").replaceAll(/\s*\n[\s*]*/g, " "),
  }));
}

/** May be anything: what is quoted, URLs, <a description>, and the beginning… of a word. */
const values = /"[^"]*"|'[^']*'|\w+:\/\/\S*|<[^>]* [^>]*>|\w+…/g;

/** The names in a mention that are not known. */
export function unknownIn({ file, text }: Pick<Mention, "file" | "text">, known: ReadonlySet<string>): string[] {
  if (known.has(text)) {
    return [];
  }
  if (/^(npm|npx|node) /.test(text)) {
    return commandExists(text) ? [] : [text];
  }
  if (/^[\w./-]+\.(ts|mjs|md|json|ya?ml|sh)$/.test(text)) {
    // In a README, `test/…` is of the same package.
    const folder = /^(?:packages|examples)\/[^/]+\//.exec(file)?.[0] ?? "";
    const found = files.filter((each) => `/${each}`.endsWith(`/${text}`));
    return found.some((each) => each === text || each.startsWith(text.includes("/") ? folder : "")) ? [] : [text];
  }
  return wordsOf(text.replaceAll(values, "")).filter((word) => !known.has(word));
}
