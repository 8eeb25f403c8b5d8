import { alsoCases } from "./cases/also.ts";
import { argumentCases } from "./cases/arguments.ts";
import { cacheCases } from "./cases/caches.ts";
import { closeCases } from "./cases/close.ts";
import { componentDataCases } from "./cases/component-data.ts";
import { concurrencyCases } from "./cases/concurrency.ts";
import { conditionCases } from "./cases/conditions.ts";
import { connectionCases } from "./cases/connections.ts";
import { costCases } from "./cases/cost.ts";
import { cursorCases } from "./cases/cursors.ts";
import { deleteCases } from "./cases/deletes.ts";
import { headerCases } from "./cases/headers.ts";
import { idCases } from "./cases/ids.ts";
import { indexCases } from "./cases/indexes.ts";
import { injectionCases } from "./cases/injection.ts";
import { keepTimesCases } from "./cases/keep-times.ts";
import { legacyCases } from "./cases/legacy.ts";
import { legacyMigrationCases } from "./cases/legacy-migration.ts";
import { legacyWriteCases } from "./cases/legacy-writes.ts";
import { listCases } from "./cases/lists.ts";
import { memoryCases } from "./cases/memories.ts";
import { memoryAbortCases } from "./cases/memory-aborts.ts";
import { memoryConnectionCases } from "./cases/memory-connections.ts";
import { memoryListCases } from "./cases/memory-lists.ts";
import { memoryOwnerCases } from "./cases/memory-owners.ts";
import { memoryRaceCases } from "./cases/memory-races.ts";
import { nameSearchCases } from "./cases/name-search.ts";
import { namedTableCases } from "./cases/named-tables.ts";
import { numberCases } from "./cases/numbers.ts";
import { outsideCases } from "./cases/outside.ts";
import { ownershipCases } from "./cases/ownership.ts";
import { pageCases } from "./cases/pages.ts";
import { pagingCases } from "./cases/paging.ts";
import { payloadCases } from "./cases/payloads.ts";
import { raceCases } from "./cases/races.ts";
import { randomCases, type RandomOptions } from "./cases/random.ts";
import { replaceEndCases } from "./cases/replace-end.ts";
import { roundTripCases } from "./cases/round-trips.ts";
import { runListCases } from "./cases/run-lists.ts";
import { runOrderCases } from "./cases/run-order.ts";
import { schemaCases } from "./cases/schema.ts";
import { searchCases, searchOutsideCases } from "./cases/search.ts";
import { sharedCases } from "./cases/shared.ts";
import { signalCases } from "./cases/signals.ts";
import { textCases } from "./cases/text.ts";
import { timestampCases } from "./cases/timestamps.ts";
import { touchCases } from "./cases/touches.ts";
import { typeMismatchCases } from "./cases/type-mismatch.ts";
import { unreadableCases } from "./cases/unreadable.ts";
import { updateRunCases } from "./cases/update-run.ts";
import { updateSessionCases } from "./cases/update-session.ts";
import { upsertRunCases } from "./cases/upsert-run.ts";
import { upsertSessionCases } from "./cases/upsert-session.ts";
import { userHandleCases } from "./cases/user-handles.ts";
import { walkCases } from "./cases/walks.ts";
import type {
  Cases,
  Open,
  OpenCounted,
  OpenCut,
  OpenLegacy,
  OpenNamed,
  OpenOutside,
  OpenShared,
  OpenSpoilt,
  PairCases,
} from "./conformance-case.ts";
import { usingHandles, usingStore } from "./support/using-store.ts";

/** The functions by which the suite opens stores. */
export interface Openers {
  readonly open: Open;
  readonly openShared?: OpenShared;
  readonly openNamed?: OpenNamed;
  readonly openLegacy?: OpenLegacy;
  readonly openCounted?: OpenCounted;
  readonly openCut?: OpenCut;
  readonly openSpoilt?: OpenSpoilt;
  readonly openOutside?: OpenOutside;
}

/** A group, whose checks are bound to what they open, or null if the option that they need was not given. */
export interface Group {
  readonly name: string;
  readonly checks: Readonly<Record<string, () => Promise<void>>> | null;
  /** The option that the group needs. */
  readonly needs: keyof Openers;
}

const storeGroups = {
  "round trips": roundTripCases,
  text: textCases,
  ids: idCases,
  payloads: payloadCases,
  timestamps: timestampCases,
  touches: touchCases,
  arguments: argumentCases,
  upsertSession: upsertSessionCases,
  upsertRun: upsertRunCases,
  conditions: conditionCases,
  "replace end": replaceEndCases,
  updateRun: updateRunCases,
  also: alsoCases,
  "keep times": keepTimesCases,
  "component data": componentDataCases,
  signals: signalCases,
  updateSession: updateSessionCases,
  "run order": runOrderCases,
  deletes: deleteCases,
  ownership: ownershipCases,
  "user handles": userHandleCases,
  "type mismatch": typeMismatchCases,
  lists: listCases,
  headers: headerCases,
  paging: pagingCases,
  pages: pageCases,
  walks: walkCases,
  cursors: cursorCases,
  "name search": nameSearchCases,
  "run lists": runListCases,
  search: searchCases,
  "values from outside": outsideCases,
  indexes: indexCases,
  injection: injectionCases,
  close: closeCases,
  schema: schemaCases,
  memories: { ...memoryCases, ...memoryOwnerCases },
  "memory lists": memoryListCases,
  "memory signals": memoryAbortCases,
} satisfies Record<string, Cases>;

/** Returns every group of the suite, in order. */
export function groupsOf(openers: Openers, random: RandomOptions): Group[] {
  const { open, openCounted } = openers;
  const alone = (check: (db: Awaited<ReturnType<Open>>) => Promise<void>) => usingStore(open, check);
  return [
    ...Object.entries(storeGroups).map(([name, cases]) => group(name, "open", bound<Subject<Open>>(cases, alone))),
    group("random", "open", bound(randomCases(random), alone)),
    group("concurrency", "open", pairs(concurrencyCases, open)),
    group("races", "open", pairs(raceCases, open)),
    group("memory races", "open", pairs(memoryRaceCases, open)),
    group("cost", "open", given({ open, openCounted }, costCases)),
    group("two handles", "openShared", given(openers.openShared, { ...sharedCases, ...betweenHandles(raceCases) })),
    group("memories of two handles", "openShared", given(openers.openShared, betweenHandles(memoryRaceCases))),
    group("caches", "openShared", given(openers.openShared, cacheCases)),
    group("connections", "openCut", given(openers.openCut, connectionCases)),
    group("memories and connections", "openCut", given(openers.openCut, memoryConnectionCases)),
    group("unreadable rows", "openSpoilt", given(openers.openSpoilt, unreadableCases)),
    group("numbers", "openOutside", given(openers.openOutside, numberCases)),
    group("search from outside", "openOutside", given(openers.openOutside, searchOutsideCases)),
    group("table names", "openNamed", given(openers.openNamed, namedTableCases)),
    group("legacy runs", "openLegacy", given(openers.openLegacy, legacyCases)),
    group("legacy writes", "openLegacy", given(openers.openLegacy, legacyWriteCases)),
    group("legacy migration", "openLegacy", given(openers.openLegacy, legacyMigrationCases)),
  ];
}

type Subject<Opener extends () => unknown> = Awaited<ReturnType<Opener>>;

function group(name: string, needs: keyof Openers, checks: Group["checks"]): Group {
  return { name, needs, checks };
}

function given<What>(what: What | undefined, cases: Cases<What>): Group["checks"] {
  return what === undefined ? null : bound(cases, (check) => check(what));
}

/** Binds the checks of pairs to one handle, used twice. */
function pairs(cases: PairCases, open: Open): Group["checks"] {
  return bound(asCases(cases), (check) => usingStore(open, (db) => check([db, db])));
}

function betweenHandles(cases: PairCases): Cases<OpenShared> {
  return mapped(cases, (check) => async (openShared: OpenShared) => usingHandles(await openShared(), check));
}

function asCases(cases: PairCases): Cases<Parameters<PairCases[string]>> {
  return mapped(cases, (check) => (handles: Parameters<typeof check>) => check(...handles));
}

function bound<What>(
  cases: Cases<What>,
  use: (check: (subject: What) => Promise<void>) => Promise<void>,
): Record<string, () => Promise<void>> {
  return mapped(cases, (check) => () => use(check));
}

function mapped<From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
