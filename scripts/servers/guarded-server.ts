import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

export interface GuardedServerOptions {
  /** All that the server keeps, its log included; removed in the end. See {@link makeDirectory}. */
  readonly directory: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What makes the server end at once, with its children. Default KILL. */
  readonly stopSignal?: "INT" | "KILL" | "QUIT" | "TERM";
  /** Whether the server answers; asked again until it does. */
  readonly isReady: (pid: number) => boolean | Promise<boolean>;
}

/** A running server, and what ends it. */
export interface GuardedServer {
  readonly pid: number;
  /** Ends the server and its children as a crash would, and keeps its directory, to be started again there. */
  readonly kill: () => Promise<void>;
  /** Stops the server and its children in the middle of their work. They neither answer nor end until `resume`. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** Ends the server and removes its directory. */
  readonly stop: () => Promise<void>;
}

const startTimeout = 60_000;

/**
 * The server is a child of this guard. When the pipe to the guard closes, the test run is over, however it ended: Ctrl-C
 * and SIGKILL included. Then the server is stopped and its directory removed.
 */
const guard = `
directory=$1 signal=$2; shift 2
exec 3<&0
"$@" </dev/null 3<&- >>"$directory/server.log" 2>&1 & server=$!
{ cat <&3; touch "$directory/.abandoned"; kill -s "$signal" "$server"; sleep 10; kill -s KILL "$server"; } >/dev/null 2>&1 & watcher=$!
exec 3<&-
echo "$server"
wait "$server"
kill "$watcher"
if [ -e "$directory/.abandoned" ]; then rm -rf "$directory"; fi`;

/** A new directory, in short path: sockets in it may have names of 100 bytes at most. */
export function makeDirectory(name: string): string {
  return mkdtempSync(join(tmpdir(), `sessiondb-server-${name}-`));
}

export function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Starts a server under a guard, and waits until it is ready. */
export async function startGuarded(options: GuardedServerOptions): Promise<GuardedServer> {
  const { directory, command, environment, stopSignal = "KILL", isReady } = options;
  // A group of its own: the terminal's Ctrl-C reaches the test run alone, which then ends the server.
  const child = spawn("sh", ["-c", guard, "guard", directory, stopSignal, ...command], {
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, ...environment },
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, "line")) as [string];
  const pid = Number(line);
  // Neither keeps a finished test run alive.
  child.unref();
  child.stdout.destroy();
  (child.stdin as typeof child.stdin & { unref?: () => void }).unref?.();

  const kill = async (): Promise<void> => {
    child.ref();
    signalTree(pid, "SIGKILL");
    await ended;
    child.stdin.destroy();
  };
  const pause = (): void => signalTree(pid, "SIGSTOP");
  const resume = (): void => signalTree(pid, "SIGCONT");
  const stop = async (): Promise<void> => {
    resume();
    child.ref();
    child.stdin.end();
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };

  const deadline = Date.now() + startTimeout;
  while (!(await isReady(pid))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      const log = readLog(directory);
      await stop();
      throw new Error(`${command.join(" ")} did not start:\n${log}`);
    }
    await sleep(10);
  }
  return { pid, kill, pause, resume, stop };
}

/** Sends a signal to a process and all below it. */
function signalTree(root: number, signal: NodeJS.Signals): void {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  const processes = stdout
    .trim()
    .split("\n")
    .map((row) => row.trim().split(/\s+/).map(Number) as [number, number]);
  const tree = [root];
  for (const parent of tree) {
    tree.push(...processes.filter(([, ppid]) => ppid === parent).map(([pid]) => pid));
  }
  for (const pid of tree) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself.
    }
  }
}

function readLog(directory: string): string {
  const file = join(directory, "server.log");
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(-20).join("\n") : "";
}
