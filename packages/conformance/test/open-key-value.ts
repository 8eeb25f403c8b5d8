import type { ConformanceOptions, OpenCounted, OpenCut, OpenShared, OpenSpoilt } from "@sessiondb/conformance";
import type { SessionDb } from "@sessiondb/core";
import { InMemoryKeyValueService } from "./key-value/key-value-service.ts";
import { KeyValueSessionDb } from "./key-value/key-value-session-db.ts";
import { locatorKey, sessionKey, type RunLocator, type StoredRun, type StoredSession } from "./key-value/layout.ts";

type MakeStore = (service: InMemoryKeyValueService) => SessionDb;

/** Everything that the suite can be given for a store over the key-value service. */
export function openersOf(make: MakeStore = (service) => new KeyValueSessionDb(service)): {
  readonly open: () => SessionDb;
  readonly options: ConformanceOptions;
} {
  const openShared: OpenShared = () => {
    const service = new InMemoryKeyValueService();
    return () => make(service);
  };
  const openCounted: OpenCounted = () => {
    const service = new InMemoryKeyValueService();
    return { db: make(service), counts: () => ({ ...service.counts }) };
  };
  const openCut: OpenCut = () => {
    const service = new InMemoryKeyValueService();
    return {
      db: make(service),
      cut: (moment) => service.cut(moment),
      setReachable: (reachable) => service.setReachable(reachable),
    };
  };
  const openSpoilt: OpenSpoilt = () => {
    const service = new InMemoryKeyValueService();
    return { db: make(service), spoil: (row) => spoil(service, row) };
  };
  return {
    open: () => make(new InMemoryKeyValueService()),
    options: { openShared, openCounted, openCut, openSpoilt },
  };
}

function spoil(service: InMemoryKeyValueService, named: Parameters<SpoilFunction>[0]): boolean {
  if ("sessionId" in named) {
    return service.overwrite(sessionKey(named.sessionId), (value) => {
      const stored = JSON.parse(value) as StoredSession;
      return JSON.stringify({ ...stored, row: { ...stored.row, sessionData: "{broken" } });
    });
  }
  let place = "";
  service.overwrite(locatorKey(named.runId), (value) => {
    place = (JSON.parse(value) as RunLocator).key;
    return null;
  });
  return service.overwrite(place, (value) => {
    const stored = JSON.parse(value) as StoredRun;
    return JSON.stringify({ ...stored, row: { ...stored.row, runData: "{broken" } });
  });
}

type SpoilFunction = Awaited<ReturnType<OpenSpoilt>>["spoil"];
