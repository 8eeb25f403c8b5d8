import { agnoDeleteTests } from "@sessiondb/testing/agno-deletes";
import { deleteSite, endSets } from "./agno-delete-site.ts";
import { onEachServer } from "./support.ts";

onEachServer((server) => agnoDeleteTests(() => deleteSite(server), endSets), ["mariadb"]);
