import { InvalidArgumentError, type StepOutput } from "@sessiondb/core";
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
import type { StepDecision } from "./step-input.ts";
import {
  contentOf,
  decisionOf,
  outputsByName,
  runInOrder,
  StepNode,
  type StepOutcome,
  type StepPlace,
} from "./step-node.ts";

/** Several steps as one. */
abstract class NamedSteps extends StepNode {
  readonly name: string;
  readonly nodes: readonly StepNode[];

  constructor(name: string, steps: readonly WorkflowStep[]) {
    super();
    this.name = nonEmptyText(name, "name");
    this.nodes = nodesOf(steps, "steps");
  }
}

/** Steps that run in order, as one step. */
export class Sequence extends NamedSteps {
  readonly type = "Steps";

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const inside = await runInOrder(this.nodes, place);
    return this.around(inside, contentOf(inside.at(-1)?.output));
  }
}

/** Steps that run concurrently, as one step. Its content lists theirs in order. A step that fails aborts the others. */
export class ParallelSteps extends NamedSteps {
  readonly type = "Parallel";

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const controller = new AbortController();
    const signal = anySignal(place.signal, controller.signal);
    let first: StepOutcome["failure"] = null;
    const inside = await Promise.all(
      this.nodes.map(async (node) => {
        const outcome = await node.run({ ...place, signal });
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

/** Returns the answer of a function that decides. The text "false" is true to JavaScript, and not what was meant. */
function isTrue(answer: unknown, argument: string): boolean {
  if (typeof answer !== "boolean") {
    throw new InvalidArgumentError(argument, "a function that returns true or false");
  }
  return answer;
}

export interface ConditionOptions {
  when: (decision: StepDecision) => boolean | Promise<boolean>;
  steps: readonly WorkflowStep[];
  /** Default: none; the content of the previous step is passed on. */
  otherwise?: readonly WorkflowStep[] | undefined;
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

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const holds = await untilAborted((async () => this.#when(decisionOf(place)))(), place.signal);
    const inside = await runInOrder(isTrue(holds, `when of ${this.name}`) ? this.#then : this.#otherwise, place);
    return this.around(inside, inside.length === 0 ? place.previous : contentOf(inside.at(-1)?.output));
  }
}

export interface LoopOptions {
  steps: readonly WorkflowStep[];
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

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const all: StepOutcome[] = [];
    let { previous, outputs } = place;
    for (let iteration = 1; iteration <= this.#rounds; iteration += 1) {
      const round = await runInOrder(this.nodes, { ...place, previous, outputs });
      all.push(...round);
      outputs = { ...outputs, ...outputsByName(round) };
      previous = contentOf(round.at(-1)?.output);
      if (round.some(({ failure, stop }) => failure !== null || stop)) {
        break;
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

export interface RouterOptions {
  /** Returns the names of the routes to take, in order. */
  choose: (decision: StepDecision) => string | readonly string[] | Promise<string | readonly string[]>;
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

  protected override async work(place: StepPlace): Promise<StepOutcome> {
    const chosen = await untilAborted((async () => this.#choose(decisionOf(place)))(), place.signal);
    const nodes = [chosen].flat().flatMap((route) => {
      const found = this.#routes.get(route);
      if (found === undefined) {
        throw new InvalidArgumentError(`route of ${this.name}`, `one of ${[...this.#routes.keys()].join(", ")}`);
      }
      return found;
    });
    const inside = await runInOrder(nodes, place);
    return this.around(inside, inside.length === 0 ? place.previous : contentOf(inside.at(-1)?.output));
  }
}
