import { testLongGroups } from "./conformance.ts";

testLongGroups("pgBouncer", { poolSize: 32 });
testLongGroups("newerPgBouncer", { poolSize: 32 });
