import { test } from "vitest";
import { embeddedPostgres, installedPostgres } from "../../../scripts/servers/postgres.ts";
import { faultRoundsOf } from "./fault-rounds.ts";

const binaries = installedPostgres() ?? embeddedPostgres();

test.skipIf(binaries === null)(
  "kills and cuts lose nothing acknowledged, store nothing twice, and hold up no call",
  { timeout: 600_000 },
  () => faultRoundsOf(binaries ?? "", 6),
);
