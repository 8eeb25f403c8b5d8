import { InvalidArgumentError, type JsonObject, type JsonValue, type StepOutput } from "@sessiondb/core";
import {
  aFunction,
  anySignal,
  asGiven,
  count,
  named,
  nonEmptyText,
  optional,
  readOptions,
  untilAborted,
  type OptionReaders,
} from "@sessiondb/core/adapter";
import { nodesOf, type WorkflowStep } from "./nodes.ts";
import type { Unset } from "../known.ts";
import type { StepDecision } from "./step-input.ts";
import type { WorkflowSteps } from "./step-types.ts";
import {
  contentOf,
  decisionOf,
  outputsByName,
  runInOrder,
  StepNode,
  type StepOutcome,
  type StepPlace,
} from "./step-node.ts";
import { choiceOf, chosen } from "./stored-steps.ts";

/** Several steps as one. */
abstract class NamedSteps extends StepNode {
  readonly name: string;
  readonly nodes: readonly StepNode[];

  constructor(name: string, steps: readonly WorkflowStep[]) {
    super();
    this.name = nonEmptyText(name, "name");
    this.nodes = nodesOf(steps, "steps");
  }

  override nodesOf(_before: StepOutput): readonly StepNode[] {
    return this.nodes;
  }
}

/** Steps that run in order, as one step. */
export class Sequence extends NamedSteps {
  readonly type = "Steps";

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const inside = await runInOrder(this.nodes, place, orderIn(this, place));
    return this.around(inside, contentOf(inside.at(-1)?.output));
  }
}

/** Steps that run concurrently, as one step. Its content lists theirs in order. A step that fails aborts the others; one that waits does not. */
export class ParallelSteps extends NamedSteps {
  readonly type = "Parallel";

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const controller = new AbortController();
    const signal = anySignal(place.signal, controller.signal);
    let first: StepOutcome["failure"] = null;
    const before = place.before?.steps ?? [];
    const steps = this.nodes.map((node, index) => before[index] ?? node.unfinished());
    const note = (index: number, output: StepOutput): void => {
      steps[index] = output;
      place.note(this.unfinished({ steps: [...steps] }));
    };
    const inside = await Promise.all(
      this.nodes.map(async (node, index) => {
        const outcome = await node.run({
          ...place,
          signal,
          before: before[index] ?? null,
          note: (output) => note(index, output),
        });
        if (outcome.failure !== null) {
          first ??= outcome.failure;
          controller.abort(outcome.failure.error);
        }
        return outcome;
      }),
    );
    const all = this.around(
      inside,
      inside.map(({ output }) => contentOf(output)),
    );
    // Report the step that failed, not those it aborted.
    return first === null
      ? all
      : this.failed((first as { error: unknown }).error, { steps: inside.map(({ output }) => output) });
  }
}

/** Returns how steps inside a step begin or go on, and keeps what they come to. `extra` is what the step decided. */
function orderIn(
  step: StepNode,
  { before, note }: StepPlace,
  extra: JsonObject = {},
): Parameters<typeof runInOrder>[2] {
  return {
    before: before?.steps ?? [],
    note: (outputs) => note(step.unfinished({ steps: [...outputs], extra })),
  };
}

/** Returns the answer of a function that decides. The text "false" is true to JavaScript, and not what was meant. */
function isTrue(answer: unknown, argument: string): boolean {
  if (typeof answer !== "boolean") {
    throw new InvalidArgumentError(argument, "a function that returns true or false");
  }
  return answer;
}

export interface ConditionOptions<Previous = JsonValue, Content = Unset, Otherwise = Unset> {
  when: (decision: StepDecision<Previous>) => boolean | Promise<boolean>;
  steps: WorkflowSteps<Previous, Content>;
  /** Default: none; the content of the previous step is passed on. */
  otherwise?: WorkflowSteps<Previous, Otherwise> | undefined;
}

const conditionReaders = {
  when: aFunction<ConditionOptions["when"]>(),
  steps: asGiven<readonly WorkflowStep[]>(),
  otherwise: asGiven<readonly WorkflowStep[] | undefined>(),
} satisfies OptionReaders<ConditionOptions>;

export class ConditionStep extends StepNode {
  readonly name: string;
  readonly type = "Condition";
  readonly nodes: readonly StepNode[];
  readonly #when: ConditionOptions["when"];
  readonly #then: readonly StepNode[];
  readonly #otherwise: readonly StepNode[];

  constructor(name: string, options: ConditionOptions) {
    super();
    const { when, steps, otherwise } = readOptions(options, conditionReaders);
    this.name = nonEmptyText(name, "name");
    this.#when = when;
    this.#then = nodesOf(steps, "steps");
    this.#otherwise = otherwise === undefined ? [] : nodesOf(otherwise, "otherwise");
    this.nodes = [...this.#then, ...this.#otherwise];
  }

  override nodesOf(before: StepOutput): readonly StepNode[] {
    return this.#branch(choiceOf(before) === true);
  }

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const holds =
      choiceOf(place.before) ?? (await untilAborted((async () => this.#when(decisionOf(place)))(), place.signal));
    const choice = chosen(isTrue(holds, `when of ${this.name}`));
    const inside = await runInOrder(this.#branch(holds === true), place, orderIn(this, place, choice));
    return this.around(inside, inside.length === 0 ? place.previous : contentOf(inside.at(-1)?.output), choice);
  }

  #branch(holds: boolean): readonly StepNode[] {
    return holds ? this.#then : this.#otherwise;
  }
}

export interface LoopOptions<Previous = Unset, Content = Unset> {
  steps: WorkflowSteps<Previous, Content>;
  /** Returns whether to stop after a round, given its outputs. Default: only `maxIterations` ends the loop. */
  until?: ((outputs: readonly StepOutput[], iteration: number) => boolean | Promise<boolean>) | undefined;
  /** Default 3. */
  maxIterations?: number | undefined;
}

const loopReaders = {
  steps: asGiven<readonly WorkflowStep[]>(),
  until: optional(aFunction<NonNullable<LoopOptions["until"]>>()),
  maxIterations: count({ from: 1, otherwise: 3 }),
} satisfies OptionReaders<LoopOptions>;

export class LoopStep extends StepNode {
  readonly name: string;
  readonly type = "Loop";
  readonly nodes: readonly StepNode[];
  readonly #until: LoopOptions["until"] | undefined;
  readonly #rounds: number;

  constructor(name: string, options: LoopOptions) {
    super();
    const { steps, until, maxIterations } = readOptions(options, loopReaders);
    this.name = nonEmptyText(name, "name");
    this.nodes = nodesOf(steps, "steps");
    this.#until = until;
    this.#rounds = maxIterations;
  }

  /** The outputs are those of all rounds, one after another. */
  override nodesOf({ steps }: StepOutput): readonly StepNode[] {
    return (steps ?? []).map((_step, index) => this.nodes[index % this.nodes.length] as StepNode);
  }

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const all: StepOutcome[] = [];
    const known = place.before?.steps ?? [];
    let { previous, outputs } = place;
    for (let iteration = 1; iteration <= this.#rounds; iteration += 1) {
      const earlier = all.map(({ output }) => output);
      const after = earlier.length + this.nodes.length;
      const round = await runInOrder(
        this.nodes,
        { ...place, previous, outputs },
        {
          before: known.slice(earlier.length, after),
          note: (steps) => place.note(this.unfinished({ steps: [...earlier, ...steps] })),
        },
      );
      all.push(...round);
      outputs = { ...outputs, ...outputsByName(round) };
      previous = contentOf(round.at(-1)?.output);
      if (round.some(({ failure, stop, output }) => failure !== null || stop || output.isPaused === true)) {
        break;
      }
      if (known.length > after) {
        // The loop went on after this round.
        continue;
      }
      const done = round.map(({ output }) => output);
      const until = this.#until ?? (() => false);
      const isDone = await untilAborted((async () => until(done, iteration))(), place.signal);
      if (isTrue(isDone, `until of ${this.name}`)) {
        break;
      }
    }
    return this.around(all, previous);
  }
}

export interface RouterOptions<Previous = JsonValue> {
  /** Returns the names of the routes to take, in order. */
  choose: (decision: StepDecision<Previous>) => string | readonly string[] | Promise<string | readonly string[]>;
  routes: Readonly<Record<string, WorkflowStep | readonly WorkflowStep[]>>;
}

const routerReaders = {
  choose: aFunction<RouterOptions["choose"]>(),
  routes: routesOf,
} satisfies OptionReaders<RouterOptions>;

function routesOf(value: unknown, argument: string): RouterOptions["routes"] {
  if (Object.keys(named(value, argument)).length === 0) {
    throw new InvalidArgumentError(argument, "an object with at least one route");
  }
  return value as RouterOptions["routes"];
}

export class RouterStep extends StepNode {
  readonly name: string;
  readonly type = "Router";
  readonly nodes: readonly StepNode[];
  readonly #choose: RouterOptions["choose"];
  readonly #routes: ReadonlyMap<string, readonly StepNode[]>;

  constructor(name: string, options: RouterOptions) {
    super();
    const { choose, routes } = readOptions(options, routerReaders);
    this.name = nonEmptyText(name, "name");
    this.#choose = choose;
    this.#routes = new Map(
      Object.entries(routes).map(([route, steps]) => [
        route,
        nodesOf(Array.isArray(steps) ? (steps as readonly WorkflowStep[]) : [steps as WorkflowStep], `routes.${route}`),
      ]),
    );
    this.nodes = [...this.#routes.values()].flat();
  }

  override nodesOf(before: StepOutput): readonly StepNode[] {
    return routesIn(choiceOf(before)).flatMap((route) => this.#routes.get(route) ?? []);
  }

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const before = choiceOf(place.before);
    const routes =
      before === undefined
        ? [await untilAborted((async () => this.#choose(decisionOf(place)))(), place.signal)].flat()
        : routesIn(before);
    const nodes = routes.flatMap((route) => {
      const found = this.#routes.get(route);
      if (found === undefined) {
        throw new InvalidArgumentError(`route of ${this.name}`, `one of ${[...this.#routes.keys()].join(", ")}`);
      }
      return found;
    });
    const choice = chosen([...routes]);
    const inside = await runInOrder(nodes, place, orderIn(this, place, choice));
    return this.around(inside, inside.length === 0 ? place.previous : contentOf(inside.at(-1)?.output), choice);
  }
}

function routesIn(choice: JsonValue | undefined): string[] {
  return Array.isArray(choice) ? choice.filter((route) => typeof route === "string") : [];
}
