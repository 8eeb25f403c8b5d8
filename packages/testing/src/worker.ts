import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** A program in its own process. */
export interface Worker extends AsyncDisposable {
  /** The complete lines that it has printed so far. */
  readonly lines: readonly string[];
  /** Resolves with everything that it printed; rejects unless it ends with 0 or by `kill`. */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
  /** Returns its error output so far. */
  errors(): string;
  /** Writes a line to its standard input. */
  tell(line: string): void;
  /** Resolves once it has printed that line. */
  said(line: string): Promise<void>;
  /** Returns the next line that it prints, or has printed since the last call. */
  next(): Promise<string>;
  /** Stops it, as a computer that sleeps does (SIGSTOP), until `goOn`. */
  stop(): void;
  goOn(): void;
  /** Sends it SIGTERM. */
  terminate(): void;
  /** Ends it with SIGKILL; rejects if it had already ended. */
  kill(): Promise<void>;
}

/** Starts a TypeScript program from its source, in the given folder or in its own. */
export function startWorker(program: URL, values: readonly (string | number)[], folder?: string): Worker {
  const file = fileURLToPath(program);
  const name = basename(file, ".ts");
  const flags = ["-C", "@sessiondb/source", "--import", import.meta.resolve("tsx"), file];
  // Package managers put the packages of the workspace on NODE_PATH, which is not set in a user's process.
  const env = { ...process.env, NODE_PATH: "" };
  const child = spawn(process.execPath, [...flags, ...values.map(String)], { cwd: folder ?? dirname(file), env });
  const lines: string[] = [];
  const printing = new EventEmitter();
  let [output, rest, errors, isKilled, asked] = ["", "", "", false, 0];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    const pieces = (rest + text).split("\n");
    rest = pieces.pop() ?? "";
    lines.push(...pieces);
    printing.emit("lines");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  // It may end before it has read everything.
  child.stdin.on("error", () => {});
  const ended = (async () => {
    const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    if (isKilled ? signal !== "SIGKILL" : status !== 0) {
      throw new Error(`${name} ended with ${status ?? signal}: ${errors}`);
    }
    return output;
  })();
  ended.catch(() => {});
  const printed = async (isPrinted: () => boolean): Promise<void> => {
    const early = ended.then(() => Promise.reject(new Error(`${name} ended early, after: ${output}${errors}`)));
    early.catch(() => {});
    while (!isPrinted()) {
      await Promise.race([once(printing, "lines"), early]);
    }
  };
  return {
    lines,
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    errors: () => errors,
    tell: (line) => void child.stdin.write(`${line}\n`),
    said: (line) => printed(() => lines.includes(line)),
    next: async () => {
      const index = asked;
      asked += 1;
      await printed(() => lines.length > index);
      return lines[index] ?? "";
    },
    stop: () => void child.kill("SIGSTOP"),
    goOn: () => void child.kill("SIGCONT"),
    terminate: () => void child.kill("SIGTERM"),
    kill: async () => {
      isKilled = true;
      child.kill("SIGKILL");
      await ended;
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** Runs a program to its end, and resolves with its output. */
export function runWorker(program: URL, values: readonly (string | number)[], folder?: string): Promise<string> {
  return startWorker(program, values, folder).ended;
}
