import type { RandomOptions } from "./cases/random.ts";
import type { ConformanceCase, ConformanceCases, LeftOut, Open } from "./conformance-case.ts";
import { groupsOf, type Group, type Openers } from "./groups.ts";
import { LeftOutCase } from "./support/leave-out.ts";

/** The abilities of an adapter beyond opening one store. The cases of those not given are left out. */
export interface ConformanceOptions extends Omit<Openers, "open"> {
  /** Promises that this adapter does not keep, by case name, each with the reason. Their cases are left out. */
  deviations?: Readonly<Record<string, string>>;
  /** Only these groups. Default: all. */
  groups?: readonly string[];
  /** The calls of the group `random`. */
  random?: RandomOptions;
}

/**
 * Returns the cases that check every promise of the `SessionDb` contract. Pass the name and the `run` of each to a test
 * runner, and look at `leftOut` when all have run.
 *
 * @param open opens a fresh, empty store that shares nothing with any other; each case opens its own and closes it.
 * @throws RangeError for a deviation that names no case or gives no reason, and for an unknown group.
 */
export function conformanceCases(open: Open, options: ConformanceOptions = {}): ConformanceCases {
  const { deviations = {}, groups, random = {}, ...openers } = options;
  const all = groupsOf({ open, ...openers }, random);
  const wanted = groups === undefined ? all : all.filter(({ name }) => groups.includes(name));
  checkGroups(all, groups ?? []);
  const leftOut: LeftOut[] = all.flatMap((group) => leftOutGroup(group, wanted));
  checkDeviations(
    all.flatMap((group) => casesOf(group, leftOut)),
    deviations,
  );
  leftOut.push(...Object.entries(deviations).map(([name, reason]) => ({ name, reason: `a deviation: ${reason}` })));
  const cases = wanted
    .flatMap((group) => casesOf(group, leftOut))
    .filter(({ name }) => !Object.hasOwn(deviations, name));
  return Object.assign(cases, { leftOut });
}

function checkGroups(all: readonly Group[], names: readonly string[]): void {
  for (const name of names) {
    const group = all.find((each) => each.name === name);
    if (group === undefined) {
      const known = all.map((each) => each.name).join(", ");
      throw new RangeError(`groups: there is no group ${JSON.stringify(name)}. There are: ${known}`);
    }
    if (group.checks === null) {
      throw new RangeError(`groups: ${JSON.stringify(name)} needs the option ${group.needs}`);
    }
  }
}

function checkDeviations(cases: readonly ConformanceCase[], deviations: Readonly<Record<string, string>>): void {
  for (const [name, reason] of Object.entries(deviations)) {
    if (!cases.some((each) => each.name === name)) {
      throw new RangeError(`deviations: there is no case ${JSON.stringify(name)}`);
    }
    if (reason.trim() === "") {
      throw new RangeError(`deviations: ${JSON.stringify(name)} needs a reason`);
    }
  }
}

function leftOutGroup(group: Group, wanted: readonly Group[]): LeftOut[] {
  if (!wanted.includes(group)) {
    return [{ name: group.name, reason: "not among the requested groups" }];
  }
  return group.checks === null ? [{ name: group.name, reason: `the option ${group.needs} was not given` }] : [];
}

// `run` has no parameter: a test runner may pass an argument, and some take a parameter for a callback to wait for.
function casesOf({ name: group, checks }: Group, leftOut: LeftOut[]): ConformanceCase[] {
  return Object.entries(checks ?? {}).map(([check, run]) => {
    const name = `${group}: ${check}`;
    return { group, name, run: () => reported(run, { name, leftOut }) };
  });
}

async function reported(
  run: () => Promise<void>,
  { name, leftOut }: { name: string; leftOut: LeftOut[] },
): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof LeftOutCase)) {
      throw error;
    }
    if (!leftOut.some((each) => each.name === name)) {
      leftOut.push({ name, reason: error.message });
    }
  }
}
