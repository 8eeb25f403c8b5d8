import { test } from "vitest";
import { embeddedPostgres, installedPostgres } from "../../../scripts/servers/postgres.ts";
import { killRounds, standby } from "./crashes.ts";

const servers = [
  ["installed", installedPostgres()],
  ["newer", embeddedPostgres()],
].filter((server): server is [string, string] => server[1] !== null);

test.each(servers)(
  "a server killed under load loses nothing acknowledged, 2 times: %s",
  { timeout: 600_000 },
  (_, binaries) => killRounds(binaries, 2),
);

test.each(servers)("a server in recovery is read: %s", { timeout: 60_000 }, (_, binaries) => standby(binaries));
