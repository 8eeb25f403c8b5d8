import { describe } from "vitest";
import { describeCancels } from "./support/cancels.ts";
import { localStores } from "./support/stores.ts";

describe.each(Object.entries(localStores))("%s", (_name, open) => {
  describeCancels(open);
});
