import { testConformance } from "./conformance.ts";

testConformance("newerPostgres");
