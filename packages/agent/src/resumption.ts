import { RunNotContinuableError } from "@sessiondb/core";
import { jsonOf, messageOf } from "@sessiondb/turns";
import type { ModelMessage, ToolResultPart, ToolSet } from "ai";
import type { ResumedRun } from "./resumed-run.ts";

type Execute = NonNullable<ToolSet[string]["execute"]>;
type Call = Pick<ToolResultPart, "toolCallId" | "toolName"> & { readonly input: unknown };

/**
 * The calls that were approved, while they run: the AI SDK runs them, and would tell of their results only when the model
 * has answered.
 */
export class Resumption {
  readonly #resumed: ResumedRun;
  /** Stores a result. Never rejects. */
  readonly #store: (result: ToolResultPart) => Promise<void>;
  readonly #left: Set<string>;
  readonly #results: ToolResultPart[] = [];
  #hasBegun = false;

  constructor(resumed: ResumedRun, store: (result: ToolResultPart) => Promise<void>) {
    this.#resumed = resumed;
    this.#store = store;
    this.#left = new Set(resumed.approved.keys());
  }

  /** Whether a tool was run, or the model asked: from then on the pause is over. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** What the tools returned that have ended. */
  get messages(): ModelMessage[] {
    return this.#results.length === 0 ? [] : [{ role: "tool", content: [...this.#results] }];
  }

  /** To be called before the model is. */
  begin(): void {
    this.#hasBegun = true;
  }

  /**
   * The tools, of which those that were approved take part in this, whether they ask for approvals themselves or not.
   *
   * @throws RunNotContinuableError when one of those cannot run here.
   */
  watched(tools: ToolSet, signal: AbortSignal): ToolSet {
    const { before, approved } = this.#resumed;
    const watched = { ...tools };
    for (const name of new Set(approved.values())) {
      const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
      const execute = tool?.execute;
      if (tool === undefined || execute === undefined) {
        throw new RunNotContinuableError(before.runId, {
          why: `its tool ${JSON.stringify(name)} cannot be run here`,
          advice: "Give the agent or team such a tool, or continue the run in Agno.",
        });
      }
      watched[name] = this.#watchedTool(name, { tool, execute: execute.bind(tool), signal });
    }
    return watched;
  }

  #watchedTool(
    toolName: string,
    {
      tool,
      execute,
      signal,
    }: { readonly tool: ToolSet[string]; readonly execute: Execute; readonly signal: AbortSignal },
  ): ToolSet[string] {
    const { needsApproval = false } = tool;
    return {
      ...tool,
      needsApproval: (input: unknown, options: { toolCallId: string }) =>
        this.#left.has(options.toolCallId) ||
        (typeof needsApproval === "function"
          ? needsApproval(input, options as Parameters<typeof needsApproval>[1])
          : needsApproval),
      execute: (input: unknown, options: Parameters<Execute>[1]): unknown => {
        const { toolCallId } = options;
        if (!this.#left.delete(toolCallId)) {
          return execute(input as never, options);
        }
        signal.throwIfAborted();
        this.#hasBegun = true;
        return this.#run({ toolCallId, toolName, input }, { tool, work: () => execute(input as never, options) });
      },
    } as ToolSet[string];
  }

  async #run(
    call: Call,
    { tool, work }: { readonly tool: ToolSet[string]; readonly work: () => unknown },
  ): Promise<unknown> {
    try {
      const output = await lastOf(await work());
      await this.#keep(call, await outputOf(tool, { ...call, output }));
      return output;
    } catch (error) {
      await this.#keep(call, { type: "error-text", value: messageOf(error) });
      throw error;
    }
  }

  async #keep({ toolCallId, toolName }: Call, output: ToolResultPart["output"]): Promise<void> {
    const result: ToolResultPart = { type: "tool-result", toolCallId, toolName, output };
    this.#results.push(result);
    await this.#store(result);
  }
}

/** A tool may return what it has so far, again and again: the last is its result. */
async function lastOf(returned: unknown): Promise<unknown> {
  if (typeof returned !== "object" || returned === null || !(Symbol.asyncIterator in returned)) {
    return returned;
  }
  let last: unknown;
  for await (const each of returned as AsyncIterable<unknown>) {
    last = each;
  }
  return last;
}

/** What a model is told of a result, by the rules of the AI SDK. */
async function outputOf(
  { toModelOutput }: ToolSet[string],
  { toolCallId, input, output }: Call & { readonly output: unknown },
): Promise<ToolResultPart["output"]> {
  return toModelOutput !== undefined
    ? toModelOutput({ toolCallId, input: input as never, output: output as never })
    : typeof output === "string"
      ? { type: "text", value: output }
      : { type: "json", value: jsonOf(output) };
}
