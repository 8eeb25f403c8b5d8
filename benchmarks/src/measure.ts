/** One piece of work, done by the store and by hand. */
export interface Contest {
  readonly name: string;
  /** The ratio that is aimed at; null for a figure without an aim. */
  readonly atMost: number | null;
  readonly repetitions: number;
  /** How often one repetition does the work. Default 1. */
  readonly times?: number;
  readonly store: (repetition: number) => unknown;
  readonly bare: (repetition: number) => unknown;
}

export interface Result {
  readonly name: string;
  /** Medians, in microseconds, to four digits. */
  readonly store: number;
  readonly bare: number;
  /** The median of store / bare, repetition by repetition. */
  readonly ratio: number;
  readonly atMost: number | null;
}

/** Enough for V8 to have compiled what a long-running process has compiled. */
export const warmups = 200;

/** Runs contests side by side: every repetition does each side of each contest once, the first side changing. */
export async function measure(contests: readonly Contest[]): Promise<Result[]> {
  const times = contests.map(() => ({ store: [] as number[], bare: [] as number[] }));
  const most = Math.max(...contests.map(({ repetitions }) => repetitions));
  for (let repetition = -warmups; repetition < most; repetition += 1) {
    for (const [index, contest] of contests.entries()) {
      if (repetition >= contest.repetitions) {
        continue;
      }
      const sides = repetition % 2 === 0 ? (["store", "bare"] as const) : (["bare", "store"] as const);
      for (const side of sides) {
        const time = await timeOf(() => contest[side](repetition + warmups));
        if (repetition >= 0) {
          times[index]?.[side].push(time);
        }
      }
    }
  }
  return contests.map(({ name, atMost, times: each = 1 }, index) => {
    const { store, bare } = times[index] ?? { store: [], bare: [] };
    const ratios = store.map((time, repetition) => time / (bare[repetition] ?? Number.NaN));
    return { name, atMost, store: median(store) / each, bare: median(bare) / each, ratio: median(ratios) };
  });
}

/** Returns the microseconds that work takes. */
export async function timeOf(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) * 1000;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
