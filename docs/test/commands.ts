import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fences, root } from "./documents.ts";

interface Manifest {
  readonly name: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as Manifest;
}

const { scripts = {} } = manifestOf(".");

/** This repository's packages, and what they need beside them. */
const installable = new Set(
  ["core", "conformance", "drizzle", "sqlite", "postgres", "mysql", "turns", "ai-sdk", "agent"].flatMap((folder) => {
    const { name, peerDependencies = {} } = manifestOf(`packages/${folder}`);
    return [name, ...Object.keys(peerDependencies)];
  }),
);

/** What is wrong with the commands of all `sh` blocks: each must exist. */
export function problemsOfCommands(): string[] {
  return fences
    .filter(({ language }) => language === "sh")
    .flatMap(({ document, line, text }) =>
      text.split("\n").flatMap((command, index) =>
        command
          .replace(/(^|\s)#.*$/, "")
          .split("&&")
          .filter((part) => part.trim() !== "" && !commandExists(part))
          .map((part) => `${document}:${line + index}: ${part.trim()}`),
      ),
    );
}

export function commandExists(command: string): boolean {
  // Settings for the program alone: NAME=value.
  const words = command.split(/\s+/).filter((word) => word !== "" && !/^[A-Z_]+=/.test(word));
  const [program, ...rest] = words;
  const [first = "", ...others] = rest.filter((word) => !word.startsWith("-"));
  switch (program) {
    case "npm":
      if (rest[0] === "--prefix") {
        return Object.hasOwn(manifestOf(first).scripts ?? {}, others[0] ?? "");
      }
      return first === "install"
        ? others.every((name) => installable.has(name))
        : Object.hasOwn(scripts, first === "run" ? (others[0] ?? "") : first);
    case "npx":
      return existsSync(join(root, "node_modules/.bin", first));
    case "python3":
      return rest[0] === "-m" && first === "venv";
    case ".venv/bin/pip":
      return first === "install";
    case "node":
      return existsSync(join(root, first));
    default:
      return false;
  }
}
