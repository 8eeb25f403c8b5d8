import { describe, inject } from "vitest";
import { eachSetting, testSettings } from "./harmless-settings.ts";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("newerPostgres") === null)("each setting alone", { timeout: 60_000 }, () => {
  const sandbox = new Sandbox("newerPostgres");
  for (const setting of eachSetting) {
    testSettings(sandbox, [setting]);
  }
});
