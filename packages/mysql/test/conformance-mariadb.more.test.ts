import { isCommon, testConformance } from "./conformance.ts";
import { onEachServer } from "./support.ts";

onEachServer((server) => testConformance(server, isCommon), ["mariadb"]);
