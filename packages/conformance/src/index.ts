export type { ConformanceCase, LegacyRow, Open, OpenLegacy, OpenNamed, OpenShared } from "./conformance-case.ts";
export { conformanceCases, type ConformanceOptions } from "./conformance-cases.ts";
