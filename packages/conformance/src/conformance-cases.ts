import { argumentCases } from "./cases/arguments.ts";
import { closeCases } from "./cases/close.ts";
import { concurrencyCases } from "./cases/concurrency.ts";
import { deleteCases } from "./cases/deletes.ts";
import { idCases } from "./cases/ids.ts";
import { injectionCases } from "./cases/injection.ts";
import { legacyCases } from "./cases/legacy.ts";
import { legacyMigrationCases } from "./cases/legacy-migration.ts";
import { legacyWriteCases } from "./cases/legacy-writes.ts";
import { listCases } from "./cases/lists.ts";
import { nameSearchCases } from "./cases/name-search.ts";
import { namedTableCases } from "./cases/named-tables.ts";
import { ownershipCases } from "./cases/ownership.ts";
import { pagingCases } from "./cases/paging.ts";
import { payloadCases } from "./cases/payloads.ts";
import { randomCases } from "./cases/random.ts";
import { roundTripCases } from "./cases/round-trips.ts";
import { runListCases } from "./cases/run-lists.ts";
import { runOrderCases } from "./cases/run-order.ts";
import { schemaCases } from "./cases/schema.ts";
import { sharedCases } from "./cases/shared.ts";
import { textCases } from "./cases/text.ts";
import { timestampCases } from "./cases/timestamps.ts";
import { typeMismatchCases } from "./cases/type-mismatch.ts";
import { updateSessionCases } from "./cases/update-session.ts";
import { upsertRunCases } from "./cases/upsert-run.ts";
import { upsertSessionCases } from "./cases/upsert-session.ts";
import { userHandleCases } from "./cases/user-handles.ts";
import type { Cases, Open, OpenLegacy, OpenNamed, OpenShared } from "./conformance-case.ts";
import type { ConformanceCase } from "./conformance-case.ts";
import { usingStore } from "./support/using-store.ts";

/** What an adapter can do beyond opening one store. A capability that is not given leaves its cases out. */
export interface ConformanceOptions {
  /** Two processes on one store, and what outlives a close. Leave it out for a store that lives in one process. */
  openShared?: OpenShared;
  /** Table names are a choice of the caller. */
  openNamed?: OpenNamed;
  /** Tables written by Agno 2 can be read. */
  openLegacy?: OpenLegacy;
  /** Promises this adapter does not keep, by the name of the case, each with the reason. Their cases are left out. */
  deviations?: Readonly<Record<string, string>>;
}

/**
 * The cases that check every promise of the `SessionDb` contract. Hand the name and the `run` of each to a test runner.
 *
 * @param open opens a fresh, empty store that shares nothing with any other; each case opens its own and closes it.
 * @throws RangeError for a deviation that names no case or gives no reason.
 */
export function conformanceCases(open: Open, options: ConformanceOptions = {}): readonly ConformanceCase[] {
  const { openShared, openNamed, openLegacy, deviations = {} } = options;
  const cases = [
    ...casesOfOneStore(open),
    ...(openShared === undefined ? [] : bind(sharedGroups, openShared)),
    ...(openNamed === undefined ? [] : bind({ "table names": namedTableCases }, openNamed)),
    ...(openLegacy === undefined ? [] : bind(legacyGroups, openLegacy)),
  ];
  for (const [name, reason] of Object.entries(deviations)) {
    if (!cases.some((each) => each.name === name)) {
      throw new RangeError(`deviations: there is no case ${JSON.stringify(name)}`);
    }
    if (reason.trim() === "") {
      throw new RangeError(`deviations: ${JSON.stringify(name)} needs a reason`);
    }
  }
  return cases.filter(({ name }) => !Object.hasOwn(deviations, name));
}

type Groups<Subject> = Readonly<Record<string, Cases<Subject>>>;

const groups = {
  "round trips": roundTripCases,
  text: textCases,
  ids: idCases,
  payloads: payloadCases,
  timestamps: timestampCases,
  arguments: argumentCases,
  upsertSession: upsertSessionCases,
  upsertRun: upsertRunCases,
  updateSession: updateSessionCases,
  "run order": runOrderCases,
  deletes: deleteCases,
  ownership: ownershipCases,
  "user handles": userHandleCases,
  "type mismatch": typeMismatchCases,
  lists: listCases,
  paging: pagingCases,
  "name search": nameSearchCases,
  "run lists": runListCases,
  injection: injectionCases,
  close: closeCases,
  schema: schemaCases,
  random: randomCases,
} satisfies Groups<never>;

const sharedGroups: Groups<OpenShared> = { "two handles": sharedCases };
const legacyGroups: Groups<OpenLegacy> = {
  "legacy runs": legacyCases,
  "legacy writes": legacyWriteCases,
  "legacy migration": legacyMigrationCases,
};

function casesOfOneStore(open: Open): ConformanceCase[] {
  const bound = Object.entries(groups).flatMap(([group, cases]) =>
    Object.entries(cases).map(([name, check]) => caseOf(group, name, () => usingStore(open, check))),
  );
  const concurrent = Object.entries(concurrencyCases).map(([name, check]) =>
    caseOf("concurrency", name, () => usingStore(open, (db) => check(db, db))),
  );
  return [...bound, ...concurrent];
}

function bind<Subject>(groupsOf: Groups<Subject>, subject: Subject): ConformanceCase[] {
  return Object.entries(groupsOf).flatMap(([group, cases]) =>
    Object.entries(cases).map(([name, check]) => caseOf(group, name, () => check(subject))),
  );
}

// `run` takes no argument: a test runner may hand it one, and some take a function with a parameter for one that calls back.
function caseOf(group: string, name: string, run: () => Promise<void>): ConformanceCase {
  return { group, name: `${group}: ${name}`, run };
}
