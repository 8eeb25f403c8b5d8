import { modelOutput, plainOutput } from "@sessiondb/ai-sdk/codec";
import { RunNotContinuableError } from "@sessiondb/core";
import { messageOf, portable, thrownOf } from "@sessiondb/turns";
import type { ToolResultPart, ToolSet } from "ai";
import type { ResumedRun } from "./resumed-run.ts";
import type { RunObserver } from "./run-hooks.ts";
import { withShownOutput } from "./shown-parts.ts";

type Execute = NonNullable<ToolSet[string]["execute"]>;

/** A call of a tool. */
export type Call = Pick<ToolResultPart, "toolCallId" | "toolName"> & { readonly input: unknown };

interface ToolWatchOptions {
  /** Passed to tools as `experimental_context`: the AI SDK 7 has no context for all tools. */
  readonly context: unknown;
  /** The run that continues, with its decisions; null for a new one. */
  readonly resumed: ResumedRun | null;
  readonly signal: AbortSignal;
  /** The tools that end soon after an abort, with an outcome that belongs to the run's. */
  readonly awaited: readonly string[];
  /** Stores a result at once: that of an approved call, and of a tool that is done after the run's end. Never rejects. */
  readonly store: (result: ToolResultPart) => Promise<void>;
  readonly observer: Pick<RunObserver, "toolEnded">;
}

/**
 * Notes what tools do while they do it. The AI SDK reports calls and results only once the model's step has ended, and
 * that of approved calls after the model's next answer; a run may end before.
 */
export class ToolWatch {
  readonly #options: ToolWatchOptions;
  /** The approved calls that have not begun. */
  readonly #left: Set<string>;
  readonly #calls: Call[] = [];
  readonly #results = new Map<string, ToolResultPart>();
  readonly #outputs = new Map<string, unknown>();
  readonly #awaited: Promise<unknown>[] = [];
  #hasBegun: boolean;
  #hasEnded = false;
  /** Called when a result has come, before the end of its step. */
  onResult: () => void = () => {};

  constructor(options: ToolWatchOptions) {
    this.#options = options;
    this.#left = new Set(options.resumed?.approved.keys());
    this.#hasBegun = options.resumed === null;
  }

  /** Whether a tool ran or the model was asked, which ends a pause. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The calls that began, but for those that were approved before. */
  get calls(): readonly Call[] {
    return this.#calls;
  }

  /** The results of the calls that have ended. */
  get results(): readonly ToolResultPart[] {
    return [...this.#results.values()];
  }

  /** Errors for the approved calls that have not begun: once the model is asked, the AI SDK has refused them. */
  get refused(): readonly ToolResultPart[] {
    const value =
      "The tool did not run: the input of this call, as it was stored, does not fit the tool's inputSchema.";
    return [...this.#left].map((toolCallId) => ({
      type: "tool-result",
      toolCallId,
      toolName: this.#options.resumed?.approved.get(toolCallId) ?? "",
      output: { type: "error-text", value },
    }));
  }

  /** What the tools returned, by the id of the call. */
  get outputs(): ReadonlyMap<string, unknown> {
    return this.#outputs;
  }

  /** Ends the pause. Call it before asking the model. */
  begin(): void {
    this.#hasBegun = true;
  }

  /** Resolves when the calls of awaited tools have ended. */
  async awaitedEnded(): Promise<void> {
    await Promise.allSettled(this.#awaited);
  }

  /** Ends the run: whoever calls this stores the results until now, and later ones are stored here. */
  end(): void {
    this.#hasEnded = true;
  }

  /** @throws RunNotContinuableError when an approved tool cannot run here. */
  check(tools: ToolSet): void {
    const { resumed } = this.#options;
    for (const name of new Set(resumed?.approved.values())) {
      if (!Object.hasOwn(tools, name) || tools[name]?.execute === undefined) {
        throw new RunNotContinuableError(resumed?.before.runId ?? "", {
          why: `its tool ${JSON.stringify(name)} cannot run here`,
          advice:
            "Give the agent or team, or this call, this tool with an execute function, or continue the run in Agno.",
        });
      }
    }
  }

  /** Returns the tools with their calls watched. The approved calls run whether or not their tools ask for approval. */
  watched(tools: ToolSet): ToolSet {
    return Object.fromEntries(
      Object.entries(tools).map(([name, tool]) => [
        name,
        tool.execute === undefined
          ? this.#withContext(tool)
          : this.#watchedTool(name, this.#withContext(tool), tool.execute.bind(tool)),
      ]),
    );
  }

  /** Returns options of the AI SDK with the run's context. */
  #within<Options>(options: Options): Options {
    return { ...options, experimental_context: this.#options.context };
  }

  /** Returns a tool whose functions, but for `execute`, receive the run's context. */
  #withContext(tool: ToolSet[string]): ToolSet[string] {
    const { needsApproval, onInputStart, onInputDelta, onInputAvailable } = tool;
    return {
      ...tool,
      ...(typeof needsApproval === "function" && {
        needsApproval: (input: never, options: Parameters<typeof needsApproval>[1]) =>
          needsApproval.call(tool, input, this.#within(options)),
      }),
      ...(onInputStart !== undefined && {
        onInputStart: (options: Parameters<typeof onInputStart>[0]) => onInputStart.call(tool, this.#within(options)),
      }),
      ...(onInputDelta !== undefined && {
        onInputDelta: (options: Parameters<typeof onInputDelta>[0]) => onInputDelta.call(tool, this.#within(options)),
      }),
      ...(onInputAvailable !== undefined && {
        onInputAvailable: (options: Parameters<typeof onInputAvailable>[0]) =>
          onInputAvailable.call(tool, this.#within(options)),
      }),
    } as ToolSet[string];
  }

  #watchedTool(toolName: string, tool: ToolSet[string], execute: Execute): ToolSet[string] {
    const { needsApproval = false, toModelOutput } = tool;
    return {
      ...tool,
      ...(toModelOutput !== undefined && {
        // It was asked when the tool ended, with what the tool returned.
        toModelOutput: (result: Parameters<typeof toModelOutput>[0]) =>
          this.#results.get(result.toolCallId)?.output ?? toModelOutput.call(tool, result),
      }),
      ...(this.#left.size > 0 && {
        needsApproval: (input: unknown, options: { toolCallId: string }) =>
          this.#left.has(options.toolCallId) ||
          (typeof needsApproval === "function"
            ? needsApproval(input, options as Parameters<typeof needsApproval>[1])
            : needsApproval),
      }),
      execute: (input: unknown, options: Parameters<Execute>[1]): unknown => {
        const { toolCallId } = options;
        const call = { toolCallId, toolName, input };
        this.#options.signal.throwIfAborted();
        const isApproved = this.#left.delete(toolCallId);
        if (isApproved) {
          this.#hasBegun = true;
        } else {
          this.#calls.push(call);
        }
        const keep = async (output: ToolResultPart["output"], failure: { error: unknown } | null = null) => {
          const told: ToolResultPart = { type: "tool-result", toolCallId, toolName, output };
          const isConverted = toModelOutput !== undefined && this.#outputs.has(toolCallId);
          const result = isConverted ? withShownOutput(told, this.#outputs.get(toolCallId)) : told;
          this.#options.observer.toolEnded({ ...call, ...(failure ?? { output: this.#outputs.get(toolCallId) }) });
          this.#results.set(toolCallId, result);
          if (isApproved || this.#hasEnded) {
            await this.#options.store(result);
          } else {
            this.onResult();
          }
        };
        const convert = (output: unknown): unknown => {
          const converted = portable(output, `The result of the tool ${JSON.stringify(toolName)}`);
          this.#outputs.set(toolCallId, converted);
          return converted;
        };
        const kept = async ({ given, output }: Returned): Promise<void> =>
          keep(
            toModelOutput === undefined
              ? plainOutput(output)
              : modelOutput(await toModelOutput.call(tool, { ...call, output: given } as never), toolName),
          );
        const work = (): unknown => execute(input as never, this.#within(options));
        const result = watchedResult({ convert, kept, keep, work });
        if (this.#options.awaited.includes(toolName)) {
          this.#awaited.push(Promise.resolve(result));
        }
        return result;
      },
    } as ToolSet[string];
  }
}

/** What a tool returned, as it is and as JSON can hold it. */
interface Returned {
  readonly given: unknown;
  readonly output: unknown;
}

interface Execution {
  readonly work: () => unknown;
  /** Returns an output as JSON can hold it. */
  readonly convert: (output: unknown) => unknown;
  /** Keeps the output of a call that ended. */
  readonly kept: (returned: Returned) => Promise<void>;
  readonly keep: (output: ToolResultPart["output"], failure: { error: unknown }) => Promise<void>;
}

/** Runs a tool, and returns what it returns: a promise, or a series of preliminary results of which the last one counts. */
function watchedResult({ work, convert, kept, keep }: Execution): unknown {
  const failed = async (thrown: unknown): Promise<never> => {
    const error = thrownOf(thrown);
    const value = messageOf(error);
    await keep({ type: "error-text", value }, { error });
    // The AI SDK makes JSON of what is no error, and fails if there is none.
    throw error instanceof Error ? error : new Error(value, { cause: error });
  };
  let returned: unknown;
  try {
    returned = work();
  } catch (error) {
    return failed(error);
  }
  if (!isSeries(returned)) {
    return (async () => {
      const given = await returned;
      const output = convert(given);
      await kept({ given, output });
      return output;
    })().catch(failed);
  }
  const results = returned[Symbol.asyncIterator]();
  let last: Returned = { given: undefined, output: undefined };
  const next = async (): Promise<boolean> => {
    const { done, value } = await results.next();
    if (done === true) {
      await kept(last);
      return false;
    }
    last = { given: value, output: convert(value) };
    return true;
  };
  return (async function* () {
    let isOpen = true;
    try {
      for (;;) {
        isOpen = await next();
        if (!isOpen) {
          return;
        }
        yield last.output;
      }
    } catch (error) {
      isOpen = false;
      await failed(error);
    } finally {
      // Nobody reads on after an abort, but the tool works on.
      if (isOpen) {
        void drained(next).catch((error: unknown) => failed(error).catch(() => {}));
      }
    }
  })();
}

async function drained(next: () => Promise<boolean>): Promise<void> {
  while (await next()) {
    // Only the last one counts.
  }
}

function isSeries(returned: unknown): returned is AsyncIterable<unknown> {
  return typeof returned === "object" && returned !== null && Symbol.asyncIterator in returned;
}
