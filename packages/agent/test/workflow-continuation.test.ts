import { describe } from "vitest";
import { localStores } from "./support/stores.ts";
import { describeContinuations } from "./support/workflow-continuations.ts";

describe.each(Object.entries(localStores))("%s", (_name, open) => {
  describeContinuations(open);
});
