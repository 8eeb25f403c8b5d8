import { conformanceCases } from "@sessiondb/conformance";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { test } from "vitest";
import { agno2DatabaseOf } from "./agno-2-rows.ts";
import { freshDatabase, freshStore, onEachServer } from "./support.ts";

onEachServer((server) => {
  const openNamed = async (url = freshDatabase(server.url)) => {
    const opened = await url;
    return (sessionTable = "agno_sessions") => new MySqlSessionDb({ url: opened, sessionTable });
  };
  const openLegacy = async (rows: Parameters<typeof agno2DatabaseOf>[1]) =>
    new MySqlSessionDb({ url: await agno2DatabaseOf(server, rows) });
  for (const each of conformanceCases(() => freshStore(server), { openShared: openNamed, openNamed, openLegacy })) {
    test.concurrent(each.name, { timeout: 60_000 }, each.run);
  }
});
