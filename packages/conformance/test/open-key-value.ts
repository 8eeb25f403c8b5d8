import type {
  ConformanceOptions,
  OpenCounted,
  OpenCut,
  OpenOutside,
  OpenShared,
  OpenSpoilt,
  OutsideDocument,
} from "@sessiondb/conformance";
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
  const openOutside: OpenOutside = () => {
    const service = new InMemoryKeyValueService();
    return {
      db: make(service),
      put: (document, json) => void overwrite(service, document, () => json),
      read: (document) => {
        let text = "";
        overwrite(service, document, (json) => (text = json));
        return text;
      },
    };
  };
  return {
    open: () => make(new InMemoryKeyValueService()),
    options: { openShared, openCounted, openCut, openSpoilt, openOutside },
  };
}

function spoil(service: InMemoryKeyValueService, row: { sessionId: string } | { runId: string }): boolean {
  return overwrite(service, "sessionId" in row ? { ...row, column: "sessionData" } : row, () => "{broken");
}

/** Changes the JSON text of a document. */
function overwrite(
  service: InMemoryKeyValueService,
  document: OutsideDocument,
  change: (json: string) => string,
): boolean {
  if ("sessionId" in document) {
    const { sessionId, column } = document;
    return service.overwrite(sessionKey(sessionId), (value) => {
      const stored = JSON.parse(value) as StoredSession;
      return JSON.stringify({ ...stored, row: { ...stored.row, [column]: change(stored.row[column] ?? "null") } });
    });
  }
  let place = "";
  service.overwrite(locatorKey(document.runId), (value) => {
    place = (JSON.parse(value) as RunLocator).key;
    return null;
  });
  return service.overwrite(place, (value) => {
    const stored = JSON.parse(value) as StoredRun;
    return JSON.stringify({ ...stored, row: { ...stored.row, runData: change(stored.row.runData) } });
  });
}
