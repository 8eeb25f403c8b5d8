import type { JsonValue } from "@sessiondb/core";
import {
  condition,
  loop,
  parallel,
  router,
  sequence,
  step,
  Workflow,
  type StepFunction,
  type WorkflowStep,
} from "@sessiondb/agent";

/** Makes the steps around one, counted by name. `first` runs before it, `last` after it. */
export type Place = (it: WorkflowStep, counted: (name: string) => WorkflowStep) => readonly WorkflowStep[];

const decided = (counts: Map<string, number>, name: string): void => {
  counts.set(name, (counts.get(name) ?? 0) + 1);
};

/** Returns functions that count their calls: a step that passes on what it gets, with its name. */
export function counting(counts = new Map<string, number>()) {
  const counted = (name: string): WorkflowStep =>
    step({
      name,
      run: ({ previous, sessionState, updateSessionState }) => {
        decided(counts, name);
        updateSessionState((state) => ({ ...state, calls: Number(state["calls"] ?? 0) + 1 }));
        sessionState[name] = true;
        return [previous, name].flat();
      },
    });
  return { counts, counted };
}

/** Every kind of step, with the one of interest inside. */
export const places: Readonly<Record<string, Place>> = {
  "first of all": (it, counted) => [it, counted("last")],
  "between others": (it, counted) => [counted("first"), it, counted("last")],
  "last of all": (it, counted) => [counted("first"), it],
  "in a sequence": (it, counted) => [counted("first"), sequence("s", [counted("before"), it, counted("after")])],
  "in a sequence in a sequence": (it, counted) => [
    sequence("outer", [counted("first"), sequence("inner", [counted("before"), it]), counted("after")]),
    counted("last"),
  ],
  "in a parallel": (it, counted) => [
    counted("first"),
    parallel("p", [counted("a"), it, counted("b")]),
    counted("last"),
  ],
  "in a branch of a parallel": (it, counted) => [
    parallel("p", [counted("a"), sequence("s", [counted("before"), it, counted("after")])]),
    counted("last"),
  ],
  "where a condition holds": (it, counted) => [
    condition("c", { when: once(true), steps: [counted("before"), it, counted("after")], otherwise: [counted("no")] }),
    counted("last"),
  ],
  "where a condition does not hold": (it, counted) => [
    condition("c", { when: once(false), steps: [counted("no")], otherwise: [counted("before"), it] }),
    counted("last"),
  ],
  "in the first round of a loop": (it, counted) => [
    loop("l", { steps: [counted("before"), it, counted("after")], maxIterations: 1 }),
    counted("last"),
  ],
  "in a later round of a loop": (it, counted) => {
    let rounds = 0;
    return [
      loop("l", {
        steps: [
          counted("before"),
          condition("c", { when: ({ outputs }) => outputs["after"] !== undefined, steps: [it] }),
          counted("after"),
        ],
        until: (_outputs, round) => {
          rounds += 1;
          return round === 2;
        },
        maxIterations: 5,
      }),
      step({ name: "rounds", run: ({ previous }) => [previous, `${rounds <= 2}`].flat() }),
    ];
  },
  "in a route": (it, counted) => [
    router("r", {
      choose: once("second"),
      routes: { first: [counted("no")], second: [counted("before"), it, counted("after")] },
    }),
    counted("last"),
  ],
  "in the second of two routes": (it, counted) => [
    router("r", { choose: once(["a", "b"]), routes: { a: counted("a"), b: [it], c: counted("no") } }),
    counted("last"),
  ],
  "in another workflow": (it, counted) => [
    counted("first"),
    new Workflow({ id: "inner", steps: [counted("before"), it, counted("after")] }),
    counted("last"),
  ],
  "in a workflow in a parallel in a loop": (it, counted) => [
    loop("l", {
      steps: [parallel("p", [counted("a"), new Workflow({ id: "inner", steps: [counted("before"), it] })])],
      maxIterations: 1,
    }),
    counted("last"),
  ],
};

/** A decision that is made once: whoever asks again gets an error. */
function once<Choice>(choice: Choice): () => Choice {
  let isMade = false;
  return () => {
    if (isMade) {
      throw new Error("This was decided before.");
    }
    isMade = true;
    return choice;
  };
}

/** The step of interest, as a function. */
export const itself = (run: StepFunction): WorkflowStep => step({ name: "it", run });

/** The text of whatever a step was given, as far as it matters here. */
export const namesIn = (content: JsonValue): string[] =>
  Array.isArray(content)
    ? content.flatMap(namesIn)
    : typeof content === "string"
      ? content.startsWith("[")
        ? namesIn(JSON.parse(content) as JsonValue)
        : [content]
      : [];
