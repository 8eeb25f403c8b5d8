import { testConformance } from "./conformance.ts";

testConformance({ long: true });
