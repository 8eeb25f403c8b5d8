import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { freePort, makeDirectory, startGuarded } from "./guarded-server.ts";

export interface ContainerOptions {
  /** A service of compose.yaml. */
  readonly service: string;
  /** The port the server listens on inside of its container. */
  readonly port: number;
  /** What a client says first, for a server that does not greet it. */
  readonly greeting?: Uint8Array;
}

/** Starts one service of compose.yaml on a free loopback port. Null where Docker is not to be had. */
export async function startContainer(
  options: ContainerOptions,
): Promise<{ port: number; stop: () => Promise<void> } | null> {
  if (spawnSync("docker", ["compose", "version"]).status !== 0) {
    return null;
  }
  const file = fileURLToPath(new URL("../../compose.yaml", import.meta.url));
  const port = await freePort();
  const { stop } = await startGuarded({
    directory: makeDirectory(options.service),
    command: ["docker", "compose", "--file", file, "--project-name", `sessiondb-test-${port}`].concat([
      "run",
      "--rm",
      "--publish",
      `127.0.0.1:${port}:${options.port}`,
      options.service,
    ]),
    stopSignal: "INT",
    isReady: () => answers(port, options.greeting),
  });
  return { port, stop };
}

// Docker accepts connections before the server does, so only an answer counts.
function answers(port: number, greeting: Uint8Array | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const finish = (answered: boolean) => () => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("data", finish(true));
    socket.once("error", finish(false));
    socket.once("end", finish(false));
    socket.setTimeout(1000, finish(false));
    if (greeting !== undefined) {
      socket.write(greeting);
    }
  });
}
