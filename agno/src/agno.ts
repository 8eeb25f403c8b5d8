import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { JsonObject, JsonValue } from "@sessiondb/core";

const driver = fileURLToPath(new URL("../driver.py", import.meta.url));

/** One answer of a scripted model: text or calls of tools, once there is a file, while a run is cancelled; or a failure. */
export interface ScriptedAnswer {
  readonly text?: string;
  readonly tools?: readonly { readonly name: string; readonly id?: string; readonly arguments?: JsonObject }[];
  readonly fail?: string;
  readonly cancel?: string;
  readonly wait?: string;
}

/** How a run of a component in Python ended. */
export interface AgnoOutcome {
  readonly run: JsonObject;
  /** The messages of each call of each model, by the name of the component. */
  readonly shown: Readonly<Record<string, readonly (readonly { role: string; content: JsonValue }[])[]>>;
  /** The tools that ran. */
  readonly called: readonly JsonObject[];
}

/** What Python raised. */
class AgnoError extends Error {
  readonly type: string;

  constructor(type: string, message: string) {
    super(`${type}: ${message}`);
    this.type = type;
  }
}

type Waiting = { resolve: (value: JsonValue) => void; reject: (error: Error) => void };

/** The real Agno in a process of its own, which the first call starts. What it can be told is in driver.py. */
export class Agno {
  readonly #python: string;
  #child: ChildProcessWithoutNullStreams | null = null;
  readonly #waiting: Waiting[] = [];
  #errors = "";

  constructor(python: string) {
    this.#python = python;
  }

  /** Calls a method of the driver. Calls run one after the other, in the order in which they are made. */
  call(method: string, args: Readonly<Record<string, unknown>> = {}): Promise<JsonValue> {
    return new Promise((resolve, reject) => {
      this.#child ??= this.#start();
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ method, arguments: args })}\n`);
    });
  }

  /** Opens the database under a name. Its tables are those of the store, whose names are Agno's by default. */
  async open(db: string, url: string, options: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.call("open", { db, url, ...options });
  }

  /** Calls a method of Agno's own database as it is. */
  db(db: string, method: string, args: Readonly<Record<string, unknown>>): Promise<JsonValue> {
    return this.call("db", { db, method, ...args });
  }

  /** Runs an agent, a team or a workflow with an answer of each model after the other. */
  async run(
    component: string,
    input: string,
    {
      scripts,
      ...options
    }: { scripts: Readonly<Record<string, readonly ScriptedAnswer[]>> } & Readonly<Record<string, unknown>>,
  ): Promise<AgnoOutcome> {
    const outcome: unknown = await this.call("run", { component, input, scripts, ...options });
    return outcome as AgnoOutcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child === null) {
      return;
    }
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.stdin.end();
    await closed;
  }

  #start(): ChildProcessWithoutNullStreams {
    const child = spawn(this.#python, [driver], { stdio: "pipe" });
    child.stderr.on("data", (chunk: Buffer) => {
      this.#errors = `${this.#errors}${chunk.toString()}`.slice(-2000);
    });
    createInterface({ input: child.stdout }).on("line", (line) => this.#answer(line));
    child.on("close", () => {
      for (const { reject } of this.#waiting.splice(0)) {
        reject(new Error(`Python ended: ${this.#errors}`));
      }
    });
    return child;
  }

  #answer(line: string): void {
    const waiting = this.#waiting.shift();
    const { result, error } = JSON.parse(line) as {
      result?: JsonValue;
      error?: { type: string; message: string };
    };
    if (error === undefined) {
      waiting?.resolve(result ?? null);
    } else {
      waiting?.reject(new AgnoError(error.type, error.message));
    }
  }
}
