import { localStores, type OpenStore } from "./support/stores.ts";
import { describeContinuations } from "./support/workflow-continuations.ts";

// In memory; SQLite and Postgres are in the second tier.
describeContinuations(localStores["memory"] as OpenStore);
