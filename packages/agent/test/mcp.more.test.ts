import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMCPClient, type MCPClient } from "@ai-sdk/mcp";
import { Experimental_StdioMCPTransport as StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { Agent, Team, type RunResult } from "@sessiondb/agent";
import { InMemorySessionDb, type AgentRun, type SessionDb, type TeamRun } from "@sessiondb/core";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import type { ToolSet } from "ai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mcpServer, pixel } from "./support/mcp-server.ts";

// Tools of a real server of MCP, through the client of the AI SDK: they end as other tools do, whatever the server does.

const program = fileURLToPath(new URL("workers/mcp-server.ts", import.meta.url));

interface Server extends AsyncDisposable {
  readonly client: () => Promise<MCPClient>;
  /** What its tools have said. */
  readonly said: () => readonly string[];
}

/** A server in a process of its own for each client. */
async function ofProcess(): Promise<Server & { readonly pids: () => number[] }> {
  const folder = mkdtempSync(join(tmpdir(), "sessiondb-mcp-"));
  const file = join(folder, "said");
  const lines = (): string[] => (existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []);
  const args = ["-C", "@sessiondb/source", "--import", import.meta.resolve("tsx"), program, file];
  return {
    client: () =>
      createMCPClient({ transport: new StdioMCPTransport({ command: process.execPath, args, stderr: "ignore" }) }),
    said: () => lines().filter((line) => !/^\d+$/.test(line)),
    pids: () => lines().flatMap((line) => (/^\d+$/.test(line) ? [Number(line)] : [])),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A server over HTTP, here. */
async function overHttp(): Promise<Server> {
  const lines: string[] = [];
  const http = createServer((request, response) => {
    const server = mcpServer({ die: () => request.socket.destroy(), say: (line) => void lines.push(line) });
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined } as never);
    response.on("close", () => void server.close());
    void server.connect(transport as never).then(() => transport.handleRequest(request, response));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  return {
    client: () => createMCPClient({ transport: { type: "http", url: `http://127.0.0.1:${port}/mcp` } }),
    said: () => lines,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
}

const transports = { "a process": ofProcess, HTTP: overHttp } as const;
const kinds = ["agent", "team"] as const;
const calls = ["run", "stream"] as const;

interface Setting {
  readonly kind: (typeof kinds)[number];
  readonly db: SessionDb;
  readonly client: MCPClient;
}

/** A component whose tools are those of the server, each time a run asks; "buy" waits for an approval. */
function componentOf({ kind, db, client }: Setting, script: readonly Answer[]) {
  const model = scriptedModel(script);
  const tools = async (): Promise<ToolSet> => {
    const { buy, ...others } = (await client.tools()) as ToolSet;
    return { ...others, ...(buy !== undefined && { buy: { ...buy, needsApproval: true } as ToolSet[string] }) };
  };
  const common = { id: "one", db, model, tools };
  const component =
    kind === "agent"
      ? new Agent(common)
      : new Team({ ...common, members: [new Agent({ id: "member", model: scriptedModel([]) })] });
  return { component, model };
}

async function take(component: Agent | Team, by: (typeof calls)[number], signal?: AbortSignal): Promise<RunResult> {
  const options = { sessionId: "s", signal };
  return by === "run" ? component.run("Go", options) : (await component.stream("Go", options)).result;
}

async function storedRun(db: SessionDb): Promise<AgentRun | TeamRun> {
  const run = (await db.getSession({ sessionId: "s" }))?.runs[0];
  if (run === undefined || run.runType === "workflow") {
    throw new Error("There is no run");
  }
  return run;
}

const told = (model: ReturnType<typeof scriptedModel>): string => JSON.stringify(model.prompts.at(-1));

describe.each(Object.entries(transports))("a server of MCP by %s", (_name, open) => {
  let server: Server;
  let client: MCPClient;
  beforeAll(async () => {
    server = await open();
    client = await server.client();
  });
  afterAll(async () => {
    await client.close();
    await server[Symbol.asyncDispose]();
  });

  describe.each(kinds.flatMap((kind) => calls.map((call) => [kind, call] as const)))("%s, %s", (kind, call) => {
    const ends = [
      ["look", { what: "tea" }, { state: "output-available" }, "Saw tea"],
      ["draw", {}, { state: "output-available" }, pixel],
      // The model is told what the server says, as of any result.
      ["fail", {}, { state: "output-available" }, "Sold out"],
      ["throw", {}, { state: "output-available" }, "No shop"],
      // An input that the server refuses.
      ["look", {}, { state: "output-available" }, "what"],
    ] as const;

    test.each(ends)("a call of %s with %j", async (...[name, input, ended, result]) => {
      const db = new InMemorySessionDb();
      const { component, model } = componentOf({ kind, db, client }, [{ calls: [{ name, input, id: "c1" }] }, "Done."]);
      const { status, text, toolCalls } = await take(component, call);
      expect([status, text]).toEqual(["COMPLETED", "Done."]);
      expect(toolCalls).toMatchObject([{ toolCallId: "c1", toolName: name, dynamic: true, ...ended }]);
      expect(told(model)).toContain(result);
      expect(await storedRun(db)).toMatchObject({
        status: "COMPLETED",
        tools: [{ toolName: name, toolCallError: false }],
      });
      // The next turn is shown the same, from the store.
      const next = componentOf({ kind, db, client }, ["Next."]);
      await take(next.component, call);
      expect(told(next.model)).toContain(result);
    });

    test("a server that dies in a call fails the call, and the run goes on", async () => {
      const dying = await server.client();
      const db = new InMemorySessionDb();
      const { component, model } = componentOf({ kind, db, client: dying }, [
        { calls: [{ name: "die", id: "c1" }] },
        "Done.",
      ]);
      const { status, text, toolCalls } = await take(component, call);
      expect([status, text]).toEqual(["COMPLETED", "Done."]);
      expect(toolCalls).toMatchObject([{ toolName: "die", dynamic: true, state: "output-error" }]);
      expect(told(model)).toContain("error-text");
      expect(await storedRun(db)).toMatchObject({ status: "COMPLETED", tools: [{ toolCallError: true }] });
      await dying.close();
    });

    test("a slow one ends with the run's signal", async () => {
      const before = server.said().length;
      const db = new InMemorySessionDb();
      const { component } = componentOf({ kind, db, client }, [
        { calls: [{ name: "wait", id: "c1" }], text: "I try." },
      ]);
      const controller = new AbortController();
      const ended = take(component, call, controller.signal).catch((error: unknown) => error);
      await expect.poll(() => server.said().slice(before), { interval: 5 }).toContain("waits");
      controller.abort(new Error("left"));
      expect(await ended).toMatchObject(call === "run" ? { message: "left" } : { status: "CANCELLED" });
      expect(await storedRun(db)).toMatchObject({
        status: "CANCELLED",
        content: "I try.",
        tools: [{ toolName: "wait", toolCallId: "c1" }],
      });
    });

    test("a call waits for an approval, and runs in another client", async () => {
      const bought = (): string[] => server.said().filter((line) => line.startsWith("bought"));
      const before = bought().length;
      const db = new InMemorySessionDb();
      const first = await server.client();
      const waits = componentOf({ kind, db, client: first }, [
        { calls: [{ name: "buy", input: { what: "tea" }, id: "c1" }] },
      ]);
      const { runId, status, pendingApprovals } = await take(waits.component, call);
      expect([status, pendingApprovals.map(({ input }) => input), bought().length]).toEqual([
        "PAUSED",
        [{ what: "tea" }],
        before,
      ]);
      await first.close();

      const { component, model } = componentOf({ kind, db, client }, ["Done."]);
      const decided = { sessionId: "s", runId, approvals: [{ toolCallId: "c1", approved: true }] };
      const done =
        call === "run" ? await component.continueRun(decided) : await (await component.continueStream(decided)).result;
      expect(done).toMatchObject({ status: "COMPLETED", text: "Done.", toolCalls: [{ state: "output-available" }] });
      expect(bought().length).toBe(before + 1);
      expect(told(model)).toContain("Bought tea");
    });
  });

  test("tools of a server that is not there fail the run, and nothing is stored", async () => {
    const closed = await server.client();
    await closed.close();
    const db = new InMemorySessionDb();
    const { component } = componentOf({ kind: "agent", db, client: closed }, ["Done."]);
    await expect(take(component, "run")).rejects.toThrow(/closed/);
    expect(await db.getSession({ sessionId: "s" })).toBeNull();
  });
});

test("a closed client leaves no process", async () => {
  await using server = await ofProcess();
  const client = await server.client();
  const { component } = componentOf({ kind: "agent", db: new InMemorySessionDb(), client }, ["Done."]);
  await component.run("Go");
  const [pid = 0] = server.pids();
  const isAlive = (): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  expect([pid > 0, isAlive()]).toEqual([true, true]);
  await client.close();
  await expect.poll(isAlive, { interval: 5 }).toBe(false);
});
