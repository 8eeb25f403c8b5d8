import { isCommon, testConformance } from "./conformance.ts";
import { onEachServer } from "./support.ts";

onEachServer((server) => {
  testConformance(server, (group) => server.name === "mysql" || !isCommon(group));
});
