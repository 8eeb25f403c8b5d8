import type { Mistake } from "./mistake.ts";
import { optionMistakes } from "./option-mistakes.ts";
import { readMistakes } from "./read-mistakes.ts";
import { writeMistakes } from "./write-mistakes.ts";

/** Every argument of every method. */
export const mistakes: Readonly<Record<string, Mistake>> = { ...readMistakes, ...writeMistakes, ...optionMistakes };
