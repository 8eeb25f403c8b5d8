export type {
  ConformanceCase,
  ConformanceCases,
  CountedStore,
  CutMoment,
  CutStore,
  DatabaseCounts,
  LeftOut,
  LegacyRow,
  Open,
  OpenCounted,
  OpenCut,
  OpenLegacy,
  OpenNamed,
  OpenOutside,
  OpenShared,
  OpenSpoilt,
  OutsideDocument,
  OutsideStore,
  SpoiltStore,
} from "./conformance-case.ts";
export { conformanceCases, type ConformanceOptions } from "./conformance-cases.ts";
export type { RandomOptions } from "./cases/random.ts";
