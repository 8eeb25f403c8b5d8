import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A program under workers/ in a process of its own. */
export interface Worker {
  readonly child: ChildProcess;
  readonly lines: string[];
  /** Rejects unless it ends with 0. */
  readonly ended: Promise<void>;
  tell(line: string): void;
  /** Resolves once it has printed that line. */
  said(line: string): Promise<void>;
}

export function startWorker(name: string, values: readonly (string | number)[]): Worker {
  const program = fileURLToPath(new URL(`workers/${name}.ts`, import.meta.url));
  const flags = ["-C", "@sessiondb/source", "--import", import.meta.resolve("tsx")];
  const child = spawn(process.execPath, [...flags, program, ...values.map(String)]);
  const lines: string[] = [];
  const waiting = new Map<string, () => void>();
  createInterface(child.stdout).on("line", (line) => {
    lines.push(line);
    waiting.get(line)?.();
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const ended = (async () => {
    const [status] = (await once(child, "close")) as [number | null];
    if (status !== 0) {
      throw new Error(`${name} ended with ${status}: ${errors}`);
    }
  })();
  ended.catch(() => {});
  return {
    child,
    lines,
    ended,
    tell: (line) => void child.stdin.write(`${line}\n`),
    said: (line) =>
      lines.includes(line)
        ? Promise.resolve()
        : Promise.race([new Promise<void>((resolve) => waiting.set(line, resolve)), ended]),
  };
}

/** Runs as many of one program at once, the last value being the number of each. */
export async function runWorkers(count: number, name: string, values: readonly (string | number)[]): Promise<Worker[]> {
  const workers = Array.from({ length: count }, (_, index) => startWorker(name, [...values, index]));
  await Promise.all(workers.map(({ ended }) => ended));
  return workers;
}
