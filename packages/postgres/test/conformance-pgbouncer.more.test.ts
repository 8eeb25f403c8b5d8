import { testConformance } from "./conformance.ts";

testConformance("pgBouncer");
