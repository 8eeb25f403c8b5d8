import { runOf, sessionOf } from "./data.ts";
import { sessionAt, type Ground, type SessionsOfLength } from "./ground.ts";
import { median, timeOf } from "./measure.ts";

/** What a turn or a read costs at one length of a session: medians, in milliseconds. */
export interface CostsAtLength {
  readonly runs: number;
  readonly store: number;
  readonly bare: number;
  readonly oneColumn: number;
}

export interface LengthResults {
  /** Of the database and its driver. */
  readonly versions: string;
  readonly turn: readonly CostsAtLength[];
  readonly read: readonly CostsAtLength[];
}

interface LengthOptions {
  readonly repetitions: number;
  readonly lengths: readonly number[];
}

const warmups = 3;
const fewest = 3;
/** Ends the repetitions of one side at one length, in milliseconds. */
const longest = 2000;

/** As many sessions as keep each near its length while it is appended to. */
function countOf(length: number, repetitions: number): number {
  return Math.ceil((repetitions + warmups) / Math.max(1, length / 30));
}

/** Measures a turn and a read in sessions of growing length: by the store, by hand, and with all runs in one column. */
export async function measureLengths(ground: Ground, { repetitions, lengths }: LengthOptions): Promise<LengthResults> {
  const toAppend = lengths.map((length): SessionsOfLength => ({ length, count: countOf(length, repetitions) }));
  await ground.make("store", { toAppend, toList: 0 });
  await ground.make("bare", { toAppend, toList: 0 });
  const oneColumn = await ground.oneColumn();
  for (const { length, count } of toAppend) {
    for (let place = 0; place < count; place += 1) {
      await oneColumn.put(sessionAt(length, place), length);
    }
  }
  const [store, bare] = [ground.store("store"), ground.bare("bare")];
  const turn: CostsAtLength[] = [];
  const read: CostsAtLength[] = [];
  for (const { length, count } of toAppend) {
    const sessionIn = (repetition: number): string => sessionAt(length, repetition % count);
    const runIn = (repetition: number): string => `new ${length} ${repetition}`;
    const turns: Sides = {
      store: (place) => store.upsertRun({ session: sessionOf(sessionIn(place)), run: runOf(runIn(place)) }),
      bare: (place) => bare.append(runIn(place), sessionIn(place)),
      oneColumn: (place) => oneColumn.append(runIn(place), sessionIn(place)),
    };
    const reads: Sides = {
      store: (place) => store.getSession({ sessionId: sessionIn(place), runsLimit: 10 }),
      bare: (place) => bare.read(sessionIn(place)),
      oneColumn: (place) => oneColumn.read(sessionIn(place)),
    };
    read.push({ runs: length, ...(await costs(reads, repetitions)) });
    turn.push({ runs: length, ...(await costs(turns, repetitions)) });
  }
  return { versions: ground.versions, turn, read };
}

type Side = Exclude<keyof CostsAtLength, "runs">;
type Sides = Readonly<Record<Side, (repetition: number) => unknown>>;

/** Alternates the sides. One that has used up its time is left out. */
async function costs(sides: Sides, repetitions: number): Promise<Record<Side, number>> {
  const times: Record<Side, number[]> = { store: [], bare: [], oneColumn: [] };
  const names = Object.keys(times) as Side[];
  for (let repetition = 0; repetition < warmups + repetitions; repetition += 1) {
    for (const name of repetition % 2 === 0 ? names : names.toReversed()) {
      const before = times[name];
      const spent = before.reduce((sum, time) => sum + time, 0);
      if (before.length < warmups + fewest || spent < longest) {
        before.push((await timeOf(() => sides[name](repetition))) / 1000);
      }
    }
  }
  const cost = (name: Side): number => median(times[name].slice(warmups));
  return { store: cost("store"), bare: cost("bare"), oneColumn: cost("oneColumn") };
}
