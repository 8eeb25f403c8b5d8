import { testConformance } from "./conformance.ts";

testConformance("newerPgBouncer", { poolSize: 32 });
