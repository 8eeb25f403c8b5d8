import { describe } from "vitest";
import { localStores } from "./support/stores.ts";
import { describeTwoAtOnce } from "./support/two-at-once.ts";

describe.each(Object.entries(localStores))("%s", (_name, open) => {
  describeTwoAtOnce(open);
});
