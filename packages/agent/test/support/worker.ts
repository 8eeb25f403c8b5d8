import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Worker {
  readonly child: ChildProcess;
  /** Rejects unless it ends with 0 or by a signal. */
  readonly ended: Promise<void>;
  /** Resolves once it has printed that line. */
  said(line: string): Promise<void>;
}

/** A program under workers/ in a process of its own. */
export function startWorker(name: string, values: readonly (string | number)[]): Worker {
  const program = fileURLToPath(new URL(`../workers/${name}.ts`, import.meta.url));
  const flags = ["-C", "@sessiondb/source", "--import", import.meta.resolve("tsx")];
  const child = spawn(process.execPath, [...flags, program, ...values.map(String)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const waiting = new Map<string, () => void>();
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    waiting.get(line)?.();
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const ended = (async () => {
    const [status, signal] = (await once(child, "close")) as [number | null, string | null];
    if (status !== 0 && signal === null) {
      throw new Error(`${name} ended with ${status}: ${errors}`);
    }
  })();
  ended.catch(() => {});
  return {
    child,
    ended,
    said: (line) =>
      lines.includes(line)
        ? Promise.resolve()
        : Promise.race([
            new Promise<void>((resolve) => waiting.set(line, resolve)),
            ended.then(() => Promise.reject(new Error(`${name} ended without saying ${line}: ${errors}`))),
          ]),
  };
}
