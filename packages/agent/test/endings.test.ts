import { describe } from "vitest";
import { describeEndings } from "./support/endings.ts";
import { localStores } from "./support/stores.ts";

describe.each(Object.entries(localStores))("%s", (name, open) => {
  // To wait for a timeout takes long, and no store has a part in it.
  describeEndings(open, ({ cause }) => cause !== "timeout" || name === "memory");
});
