import { testLongGroups } from "./conformance.ts";

testLongGroups("newerPostgres");
