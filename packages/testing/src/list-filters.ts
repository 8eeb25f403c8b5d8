import type { SearchSessionsOptions, SessionFilter, UserScope } from "@sessiondb/core";

/** The conditions of a list, alone and combined; each database shows their query plans. */
export const listFilters = {
  nothing: {},
  user: { userId: "u1" },
  type: { sessionType: "agent" },
  component: { componentId: "c1" },
  "agent component": { componentId: "c3", sessionType: "agent" },
  "team component": { componentId: "c4", sessionType: "team" },
  "workflow component": { componentId: "c5", sessionType: "workflow" },
  participant: { participantId: "u1" },
  "rare status": { runStatus: "PAUSED" },
  "usual status": { runStatus: "COMPLETED" },
  name: { sessionName: "name 7" },
  start: { startTimestamp: 1_700_000_500 },
  "start and end": { startTimestamp: 1_700_000_500, endTimestamp: 1_700_030_000 },
  "user and type": { userId: "u1", sessionType: "agent" },
  "user and name": { userId: "u1", sessionName: "name" },
  "user and start": { userId: "u1", startTimestamp: 1_700_000_500 },
  "user and component": { userId: "u1", componentId: "c1", sessionType: "agent" },
} as const satisfies Readonly<Record<string, SessionFilter & UserScope>>;

const { nothing: _, ...conditions } = listFilters;

/** The conditions of a delete, alone and combined. */
export const deleteFilters: Readonly<Record<string, SessionFilter & UserScope>> = {
  ...conditions,
  // Of one that few names contain, a batch reads the sessions in between.
  name: { sessionName: "name" },
  end: { endTimestamp: 1_700_020_000 },
  "rare statuses": { runStatus: ["PAUSED", "ERROR"] },
  "user and participant": { userId: "u2", participantId: "u2" },
  "user and rare status": { userId: "u777", runStatus: ["PAUSED", "ERROR"] },
  "participant and end": { participantId: "u3", endTimestamp: 1_700_020_000 },
  "participant and rare status": { participantId: "u777", runStatus: "PAUSED" },
  "component and end": { componentId: "c2", endTimestamp: 1_700_020_000 },
  "component and rare status": { componentId: "c27", runStatus: "PAUSED" },
};

export type SearchOfPlans = Pick<SearchSessionsOptions, "sessionType" | "componentId" | "excludeSessionId"> & UserScope;

/** The searches whose plans are tested: of a user with a long session, one with short ones, and everybody. */
export const searchFilters: [string, SearchOfPlans][] = [
  ["a user", { userId: "u1" }],
  ["a user, without the long session", { userId: "u1", excludeSessionId: "s1" }],
  ["a user with an agent", { userId: "u3", sessionType: "agent" }],
  ["all", {}],
];
