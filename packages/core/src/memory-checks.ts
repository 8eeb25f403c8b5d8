import * as check from "./arguments.ts";
import { encodeCursor } from "./cursor.ts";
import { InvalidArgumentError } from "./errors.ts";
import type {
  ChangeMemoriesOptions,
  GetMemoriesOptions,
  MemoryChange,
  MemoryScope,
  MemoryStatsOptions,
  MemoryTopicsOptions,
} from "./memory-options.ts";
import type {
  MemoryChangeFunction,
  MemoryFields,
  MemoryListQuery,
  MemoryPosition,
  MemoryPut,
  MemoryQuery,
  MemoryStatsQuery,
  MemoryTopicsQuery,
  MemoryWrite,
} from "./memory-queries.ts";
import { decodeMemory, type UserMemoryInit, type UserMemoryPatch } from "./models/user-memory.ts";
import type { CallOptions, SessionDbLimits } from "./options.ts";
import type { PageStart } from "./queries.ts";
import { checkPage, condition, defaultPageSize, mostRows, pageKeys, readStart } from "./query-checks.ts";
import { foldName } from "./session-rules.ts";

// Turns the arguments of the contract in memory-db.ts into queries without gaps, and finds every mistake before a store
// is touched.

/** The limits of a store of memories. */
export interface MemoryDbLimits extends SessionDbLimits {
  /** The largest `input` and `feedback`, in bytes of UTF-8; default: that of a document. */
  readonly maxTextBytes?: number | undefined;
}

const patchKeys = ["memory", "topics", "input", "feedback", "agentId", "teamId"];
const listKeys = ["agentId", "teamId", "topics", "topicMatch", "text", "sortBy"];
/** Each number of topics needs its own statement. */
const mostTopicsInList = 50;
/** What one transaction locks and writes. */
const mostMemories = 10_000;

export function checkMemoryQuery(
  options: CallOptions & MemoryScope & { memoryId: string },
  limits: SessionDbLimits,
): MemoryQuery {
  check.checkKeys(options, "options", ["memoryId", "userId", "signal"]);
  return {
    memoryId: check.checkId(options.memoryId, "memoryId", limits),
    userId: check.checkUserScope(options, limits),
  };
}

export function checkMemoryList(options: GetMemoriesOptions & MemoryScope, limits: SessionDbLimits): MemoryListQuery {
  check.checkKeys(options, "options", [...listKeys, ...pageKeys]);
  const id = (value: unknown, argument: string): string => check.checkId(value, argument, limits);
  const sortBy = check.checkChoice(options.sortBy, "sortBy", ["updatedAt", "createdAt"]);
  const sortOrder = check.checkChoice(options.sortOrder, "sortOrder", ["desc", "asc"]);
  const match = check.checkChoice(options.topicMatch, "topicMatch", ["all", "any"]);
  const names = condition(options, "topics", checkTopicCondition);
  if (names === null && options.topicMatch !== undefined) {
    throw new InvalidArgumentError("topicMatch", "left out unless topics are given");
  }
  const { cursor } = options;
  return {
    sortBy,
    sortOrder,
    ...checkPage(options),
    start: cursor === undefined ? null : memoryStart(cursor, { sortBy, sortOrder }),
    userId: check.checkUserScope(options, limits),
    agentId: condition(options, "agentId", id),
    teamId: condition(options, "teamId", id),
    topics: names && { names, match },
    text: condition(options, "text", checkSearch),
  };
}

function checkSearch(value: unknown, argument: string): string {
  const text = foldName(check.checkSearchText(value, argument));
  if (text === "") {
    throw new InvalidArgumentError(argument, "left out, or a non-empty string");
  }
  return text;
}

function checkTopicCondition(value: unknown, argument: string): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > mostTopicsInList) {
    throw new InvalidArgumentError(argument, `an array of 1 to ${mostTopicsInList} topics`);
  }
  return [...new Set(value.map((topic, index) => check.checkSearchText(topic, `${argument}[${index}]`)))];
}

type MemoryOrder = Pick<MemoryListQuery, "sortBy" | "sortOrder">;

/** A cursor carries the order of its list, so that a list with another order, or of sessions, refuses it. */
function orderOf({ sortBy, sortOrder }: MemoryOrder): string {
  return `memories ${sortBy} ${sortOrder}`;
}

function memoryStart(cursor: unknown, order: MemoryOrder): PageStart<MemoryPosition> {
  const { side, parts } = readStart(cursor, orderOf(order), [0, ""]);
  const [timestamp, memoryId] = parts as [number, string];
  return { side, position: { timestamp, memoryId } };
}

export function memoryCursor(order: MemoryOrder, { position, side }: PageStart<MemoryPosition>): string {
  return encodeCursor(`${side} ${orderOf(order)}`, [position.timestamp, position.memoryId]);
}

export function checkTopics(options: MemoryTopicsOptions & MemoryScope, limits: SessionDbLimits): MemoryTopicsQuery {
  check.checkKeys(options, "options", ["userId", "limit", "signal"]);
  return { userId: check.checkUserScope(options, limits), limit: checkLimit(options) };
}

const statsOrder = "memory stats";

export function checkStats(options: MemoryStatsOptions & MemoryScope, limits: SessionDbLimits): MemoryStatsQuery {
  check.checkKeys(options, "options", ["userId", "limit", "cursor", "signal"]);
  const { cursor } = options;
  const [after = null] = cursor === undefined ? [] : readStart(cursor, statsOrder, [""]).parts;
  return { userId: check.checkUserScope(options, limits), limit: checkLimit(options), after: after as string | null };
}

export function statsCursor(userId: string): string {
  return encodeCursor(`after ${statsOrder}`, [userId]);
}

function checkLimit({ limit }: { limit?: unknown }): number {
  return Math.min(check.checkCount(limit, "limit", { from: 1, otherwise: defaultPageSize }), mostRows);
}

/** Checks the user of a write: there is no memory of nobody, and no user by default. */
export function checkOwner(value: unknown, argument: string, limits: SessionDbLimits): string {
  return check.checkId(value, argument, limits);
}

/** Returns the write of one memory. */
export function encodeMemory(
  memory: UserMemoryInit,
  argument: string,
  limits: MemoryDbLimits,
): { readonly userId: string; readonly put: MemoryPut } {
  check.checkKeys(memory, argument, ["userId", "memoryId", ...patchKeys]);
  const userId = checkOwner(memory.userId, `${argument}.userId`, limits);
  const memoryId = check.checkOptionalId(memory.memoryId, `${argument}.memoryId`, limits);
  checkText(memory.memory, `${argument}.memory`);
  const fields = encodeFields(memory, argument, limits);
  return { userId, put: { memoryId: memoryId ?? newId(), fields, mode: memoryId === null ? "add" : "upsert" } };
}

/** Returns the writes of many memories, one for each user, in the order of user ids, and where each memory went. */
export function encodeMemories(memories: readonly UserMemoryInit[], limits: MemoryDbLimits) {
  const given = checkList(memories, "memories").map((memory, index) =>
    encodeMemory(memory as UserMemoryInit, `memories[${index}]`, limits),
  );
  const puts = new Map<string, MemoryPut[]>();
  const places = given.map(({ userId, put }) => {
    const ofUser = puts.get(userId) ?? [];
    puts.set(userId, ofUser);
    return { userId, place: ofUser.push(put) - 1 };
  });
  const userIds = [...puts.keys()].toSorted();
  const writes = userIds.map((userId): MemoryWrite => ({ userId, remove: [], puts: puts.get(userId) ?? [] }));
  return { writes, places: places.map(({ userId, place }) => ({ write: userIds.indexOf(userId), place })) };
}

/** Returns the write of `changeMemories`. */
export function encodeChanges(
  options: ChangeMemoriesOptions & { userId: string },
  limits: MemoryDbLimits,
): MemoryWrite & { readonly updates: number } {
  check.checkKeys(options, "options", ["userId", "remove", "update", "add", "signal"]);
  const userId = checkOwner(options.userId, "userId", limits);
  const remove = check.checkIds(options.remove ?? [], "remove", limits);
  const updates = checkList(options.update ?? [], "update").map((update, index): MemoryPut => {
    const argument = `update[${index}]`;
    check.checkKeys(update, argument, ["memoryId", ...patchKeys]);
    const { memoryId, ...patch } = update as UserMemoryPatch & { memoryId: string };
    const id = check.checkId(memoryId, `${argument}.memoryId`, limits);
    return { memoryId: id, fields: encodeFields(patch, argument, limits), mode: "update" };
  });
  const adds = checkList(options.add ?? [], "add").map((memory, index): MemoryPut => {
    const argument = `add[${index}]`;
    check.checkKeys(memory, argument, patchKeys);
    checkText((memory as UserMemoryPatch).memory, `${argument}.memory`);
    return { memoryId: newId(), fields: encodeFields(memory as UserMemoryPatch, argument, limits), mode: "add" };
  });
  return { userId, remove, puts: [...updates, ...adds], updates: updates.length };
}

/** Turns the argument of `updateMemory` into the function that a store calls under the memory's lock. */
export function memoryChangeOf(change: MemoryChange, limits: MemoryDbLimits, table: string): MemoryChangeFunction {
  const encode = (patch: unknown): MemoryFields => {
    check.checkKeys(patch, "change", patchKeys);
    return encodeFields(patch as UserMemoryPatch, "change", limits);
  };
  if (typeof change !== "function") {
    const fields = encode(change);
    return () => fields;
  }
  return (stored) => {
    const patch: unknown = change(decodeMemory(stored, table));
    if (patch instanceof Promise) {
      patch.catch(() => {});
      throw new InvalidArgumentError("change", "a synchronous function that returns a patch");
    }
    return encode(patch);
  };
}

/** Encodes the fields that are given: those left out, or undefined, stay. */
function encodeFields(patch: UserMemoryPatch, argument: string, limits: MemoryDbLimits): MemoryFields {
  const { memory, topics, input, feedback, agentId, teamId } = patch;
  const text = (value: string | null, name: string): string | null =>
    value === null
      ? null
      : checkColumn(check.checkSearchText(value, `${argument}.${name}`), `${argument}.${name}`, limits);
  return {
    ...(memory !== undefined && {
      memory: checkJson(JSON.stringify(checkText(memory, `${argument}.memory`)), `${argument}.memory`, limits),
    }),
    ...(topics !== undefined && { topics: encodeTopics(topics, `${argument}.topics`, limits) }),
    ...(input !== undefined && { input: text(input, "input") }),
    ...(feedback !== undefined && { feedback: text(feedback, "feedback") }),
    ...(agentId !== undefined && { agentId: check.checkOptionalId(agentId, `${argument}.agentId`, limits) }),
    ...(teamId !== undefined && { teamId: check.checkOptionalId(teamId, `${argument}.teamId`, limits) }),
  };
}

function checkText(value: unknown, argument: string): string {
  if (typeof value !== "string" || value.trim() === "") {
    throw new InvalidArgumentError(argument, "text that is not blank");
  }
  return check.storableText(value);
}

function encodeTopics(topics: unknown, argument: string, limits: SessionDbLimits): string {
  if (topics === null) {
    return "null";
  }
  const names = checkList(topics, argument).map((topic, index) =>
    check.checkSearchText(topic, `${argument}[${index}]`),
  );
  return checkJson(JSON.stringify([...new Set(names)]), argument, limits);
}

function checkJson(json: string, argument: string, limits: SessionDbLimits): string {
  check.checkPayload(json, argument, limits);
  return json;
}

function checkColumn(text: string, argument: string, { maxTextBytes, ...limits }: MemoryDbLimits): string {
  const advice = maxTextBytes === undefined ? limits.payloadAdvice : "since the column holds no more";
  check.checkPayload(text, argument, {
    maxIdLength: limits.maxIdLength,
    maxPayloadBytes: maxTextBytes ?? limits.maxPayloadBytes,
    payloadAdvice: advice,
  });
  return text;
}

function checkList(value: unknown, argument: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > mostMemories) {
    throw new InvalidArgumentError(argument, `an array of at most ${mostMemories}`);
  }
  return value;
}

function newId(): string {
  return crypto.randomUUID();
}
