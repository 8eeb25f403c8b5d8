import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { outcomeOf, same, sameContent, settledDump } from "../support/compare.ts";
import { drawCall, type DrawnCall } from "../support/random-calls.ts";
import { Random } from "../support/random.ts";
import { byName, tableCases } from "../support/table-cases.ts";
import { usingReference } from "../support/using-store.ts";
import { compareViews } from "../support/views.ts";

// Random sequences of calls, each made to the store under test and to the reference. Both must have the same answers
// and content, and every list must be right after every step.

/** The calls that the group `random` makes. */
export interface RandomOptions {
  /** Runs one sequence with this seed, for example one that a message named. Default: eight, with the seeds 0 to 7. */
  seed?: number;
  /** The number of calls in a sequence. Default 40. */
  length?: number;
}

const seeds = [0, 1, 2, 3, 4, 5, 6, 7];

async function compareStep(db: SessionDb, reference: SessionDb, { drawn, step }: { drawn: DrawnCall; step: number }) {
  const expected = await outcomeOf(reference, drawn.call);
  same(await outcomeOf(db, drawn.call), expected, "the last call resulted in");
  await sameContent(db, await settledDump(reference), "after the last call the store holds");
  await compareViews(db, "after the last call", step);
}

async function compareSequence(
  db: SessionDb,
  reference: SessionDb,
  { seed, length }: Required<RandomOptions>,
): Promise<void> {
  const random = new Random(seed);
  const texts: string[] = [];
  for (let step = 0; step < length; step += 1) {
    const drawn = drawCall(random, step);
    texts.push(drawn.text);
    try {
      await compareStep(db, reference, { drawn, step });
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      const where = `{ random: { seed: ${seed}, length: ${step + 1} } }`;
      const fault = new assert.AssertionError({ message: `${where}: ${message}\nThe calls:\n${texts.join("\n")}\n` });
      fault.cause = cause;
      throw fault;
    }
  }
  await compareViews(db, "after all calls");
}

export function randomCases({ seed, length = 40 }: RandomOptions): Cases {
  if (!Number.isSafeInteger(length) || length < 1) {
    throw new RangeError("random.length must be a whole number, 1 or more");
  }
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    throw new RangeError("random.seed must be a whole number");
  }
  const sequences = byName(seed === undefined ? seeds : [seed]);
  return tableCases("sequence %s ends as in the reference", sequences, (db, each) =>
    usingReference((reference) => compareSequence(db, reference, { seed: each, length })),
  );
}
