import { RunNotContinuableError } from "@sessiondb/core";
import { jsonOf, messageOf } from "@sessiondb/turns";
import type { ModelMessage, ToolResultPart, ToolSet } from "ai";
import type { ResumedRun } from "./resumed-run.ts";

type Execute = NonNullable<ToolSet[string]["execute"]>;
type Call = Pick<ToolResultPart, "toolCallId" | "toolName"> & { readonly input: unknown };

/**
 * Watches approved calls while the AI SDK runs them, because it reports their results only after the model's answer.
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

  /** Whether a tool ran or the model was asked, which ends the pause. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The results of the calls that have ended. */
  get messages(): ModelMessage[] {
    return this.#results.length === 0 ? [] : [{ role: "tool", content: [...this.#results] }];
  }

  /** Ends the pause. Call it before asking the model. */
  begin(): void {
    this.#hasBegun = true;
  }

  /**
   * Returns the tools with their approved calls watched, whether or not the tools ask for approval themselves.
   *
   * @throws RunNotContinuableError when an approved tool cannot run here.
   */
  watched(tools: ToolSet, signal: AbortSignal): ToolSet {
    const { before, approved } = this.#resumed;
    const watched = { ...tools };
    for (const name of new Set(approved.values())) {
      const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
      const execute = tool?.execute;
      if (tool === undefined || execute === undefined) {
        throw new RunNotContinuableError(before.runId, {
          why: `its tool ${JSON.stringify(name)} cannot run here`,
          advice: "Give the agent or team this tool with an execute function, or continue the run in Agno.",
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

/** Returns a tool's result. A tool may yield preliminary results; the last one counts. */
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

/** Converts a tool's output to the form that the model is shown, by the rules of the AI SDK. */
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
