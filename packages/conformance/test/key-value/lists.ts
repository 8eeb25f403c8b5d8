import type {
  RunListQuery,
  RunPosition,
  SessionConditions,
  SessionListQuery,
  SessionPosition,
} from "@sessiondb/core/adapter";
import { compareRuns, compareSessions, goneCursor, pageOfAll, type RowPage } from "@sessiondb/core/adapter";
import type { Entry, KeyRange } from "./key-value-service.ts";
import { keyOf, lastPart, prefixOf, sortable } from "./layout.ts";
import type { Reader } from "./reader.ts";

// Lists from indexes alone: each condition is a set of ids, a list is what is in all of them, in the order of one more index.

export interface IdPage<Position> extends RowPage<Position, Position> {
  readonly total: number;
}

/** The ranges whose keys end with the ids that meet one condition: an id is in one of them. */
type IdSet = readonly KeyRange[];

function sessionSets(conditions: SessionConditions): IdSet[] {
  const { sessionType, userId, participantId, runStatuses, componentId, startTimestamp, endTimestamp } = conditions;
  const equal = (index: string, value: string): KeyRange => ({ prefix: prefixOf("sessions", index, value) });
  const kinds = sessionType === null ? ["agent", "team", "workflow"] : [sessionType];
  return [
    ...(sessionType === null ? [] : [[equal("type", sessionType)]]),
    ...(userId === null ? [] : [[equal("owner", userId)]]),
    ...(participantId === null ? [] : [[equal("participant", participantId)]]),
    ...(runStatuses === null ? [] : [runStatuses.map((status) => equal("status", status))]),
    ...(componentId === null ? [] : [kinds.map((kind) => equal(kind, componentId))]),
    ...timeSet("sessions", startTimestamp, endTimestamp),
  ];
}

function runSets(query: RunListQuery): IdSet[] {
  const { participantId, statuses, componentId, parent, startTimestamp, endTimestamp } = query;
  const equal = (index: string, value: string): KeyRange => ({ prefix: prefixOf("runs", index, value) });
  return [
    ...(participantId === null ? [] : [[equal("participant", participantId)]]),
    ...(statuses === null ? [] : [statuses.map((status) => equal("status", status))]),
    ...(componentId === null ? [] : [[equal("component", componentId)]]),
    ...(parent === null ? [] : [[equal("parent", parent === "none" ? "" : parent.runId)]]),
    ...timeSet("runs", startTimestamp, endTimestamp),
  ];
}

function timeSet(kind: "sessions" | "runs", start: number | null, end: number | null): IdSet[] {
  if (start === null && end === null) {
    return [];
  }
  const bound = (time: number): string => keyOf(kind, "createdAt", sortable(time));
  return [
    [
      {
        prefix: prefixOf(kind, "createdAt"),
        ...(start !== null && { above: bound(start) }),
        ...(end !== null && { below: bound(end + 1) }),
      },
    ],
  ];
}

/** Reads sets and one more range in one request. */
async function readSets(
  reader: Reader,
  sets: readonly IdSet[],
  more: readonly KeyRange[],
): Promise<{ inAll: (id: string) => boolean; rest: (readonly Entry[])[] }> {
  const answers = await reader.scan([...sets.flat(), ...more]);
  const members = sets.map((set) => new Set(answers.splice(0, set.length).flatMap((found) => found.map(idOf))));
  return { inAll: (id) => members.every((ids) => ids.has(id)), rest: answers };
}

function idOf({ key }: Entry): string {
  return lastPart(key);
}

/** The number before the id at the end of a key. */
function numberOf({ key }: Entry): number {
  const parts = key.split("\0");
  return Number(BigInt(parts.at(-2) ?? 0) - 2n ** 53n);
}

export async function sessionIds(
  reader: Reader,
  query: SessionConditions & Pick<SessionListQuery, "sortBy" | "sortOrder" | "limit" | "start" | "offset">,
): Promise<IdPage<SessionPosition>> {
  const { inAll, rest } = await readSets(reader, sessionSets(query), [
    { prefix: prefixOf("sessions", query.sortBy) },
    ...(query.sessionName === null ? [] : [{ prefix: prefixOf("sessions", "name") }]),
  ]);
  const [ordered = [], names = []] = rest;
  const { sessionName } = query;
  const named = new Set(names.filter(({ value }) => sessionName !== null && value.includes(sessionName)).map(idOf));
  const matching = ordered
    .filter((entry) => inAll(idOf(entry)) && (sessionName === null || named.has(idOf(entry))))
    .map((entry) => ({ timestamp: numberOf(entry), sessionId: idOf(entry) }));
  const page = pageOfAll(matching, query, { compare: compareSessions(query), positionOf: (position) => position });
  return { ...page, total: matching.length };
}

/** @throws InvalidArgumentError for the cursor of a run that is not in the session any more. */
export async function runIds(reader: Reader, query: RunListQuery): Promise<RowPage<RunPosition, RunPosition>> {
  const { sessionId, userId, start } = query;
  const { inAll, rest } = await readSets(reader, runSets(query), [
    { prefix: sessionId === null ? prefixOf("runs", "createdAt") : prefixOf("runs", "order", sessionId) },
    ...(userId === null ? [] : [{ prefix: prefixOf("sessions", "owner", userId) }]),
  ]);
  const [ordered = [], owned = []] = rest;
  const ownedIds = new Set(owned.map(idOf));
  const positions = ordered.map((entry) => ({
    position: { runIndex: numberOf(entry), createdAt: numberOf(entry), runId: idOf(entry) },
    meets: inAll(idOf(entry)) && (userId === null || ownedIds.has(entry.value)),
  }));
  const matching = positions.filter(({ meets }) => meets).map(({ position }) => position);
  const visible = positions.filter((_, index) => userId === null || ownedIds.has(ordered[index]?.value ?? ""));
  const current = visible.find(({ position }) => position.runId === start?.position.runId)?.position;
  if (sessionId !== null && start !== null && current === undefined) {
    throw goneCursor();
  }
  const place = sessionId === null ? start : start && { ...start, position: current ?? start.position };
  return pageOfAll(
    matching,
    { ...query, start: place },
    { compare: compareRuns(query), positionOf: (position) => position },
  );
}
