// Values that arguments of a kind must not have.

export const notAnObject = [[], "text", 1, true];
export const notADocument = [
  ...notAnObject,
  new Map([["a", 1]]),
  { value: 1n },
  { value: () => 1 },
  { value: new Set() },
];
export const notACount = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1", null];
export const notAFlag = ["no", 0, null];
export const notAnId = ["", 1, "a\0b", "a\ud800b", {}];
export const notStatuses = [
  1,
  null,
  undefined,
  [1],
  {},
  [],
  ["PAUSED", null],
  Array.from({ length: 51 }, (_, index) => `s${index}`),
];

/** Values that cannot abort a call. */
export const brokenSignals = [null, true, "abort", {}, { aborted: true }, new AbortController()];

export const notAType = ["Agent", "agents", "", 1, "agent'--"];

export const tooManyIds = Array.from({ length: 10_001 }, (_, index) => `id ${index}`);
