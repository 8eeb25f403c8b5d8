import { testConformance } from "./conformance.ts";

testConformance("pgBouncer", { poolSize: 32 });
