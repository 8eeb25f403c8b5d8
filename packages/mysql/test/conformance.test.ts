import { isOfSecondTier, testConformance } from "./conformance.ts";
import { onEachServer } from "./support.ts";

onEachServer((server) => {
  testConformance(server, (group) => !isOfSecondTier(server, group));
});
