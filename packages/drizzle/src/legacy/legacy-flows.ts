import type { SchemaProblem } from "@sessiondb/core";
import { makeFlows, type Flows } from "../flows.ts";
import { withRetry } from "../retry.ts";
import { RunFlows } from "../run-flows.ts";
import type { FlowChoice } from "../schema-manager.ts";
import type { FoundSchema } from "../sql-dialect.ts";
import type { SqlDriver } from "../sql-driver.ts";
import type { StatementSets } from "../statement-sets.ts";
import { CopiedRunFlows } from "./copied-run-flows.ts";
import type { LegacyRuns } from "./legacy-runs.ts";
import { MergedRunFlows } from "./merged-run-flows.ts";

/** Chooses the flows by whether the sessions table has a `runs` column, made by Agno 2. */
export class LegacyFlows implements FlowChoice {
  readonly #driver: SqlDriver;
  readonly #names: StatementSets["names"];
  readonly #legacy: LegacyRuns;
  readonly #plain: Flows;
  readonly #copied: Flows;
  readonly #merged: Flows;
  readonly #columnAlone: Flows;

  constructor(driver: SqlDriver, sets: StatementSets, legacy: LegacyRuns) {
    this.#driver = driver;
    this.#names = sets.names;
    this.#legacy = legacy;
    this.#plain = makeFlows(sets, new RunFlows(sets));
    this.#copied = makeFlows(sets, new CopiedRunFlows(sets, legacy));
    this.#merged = makeFlows(sets, new MergedRunFlows(sets, legacy, { hasRows: true }));
    const alone = new MergedRunFlows(sets, legacy, { hasRows: false });
    this.#columnAlone = makeFlows(sets, alone, { isWritable: false });
  }

  /** Whether only the runs table is missing from a database of Agno 2. */
  canRead(absent: readonly SchemaProblem[], found: FoundSchema): boolean {
    return this.#hasColumn(found) && absent.every(({ table, column }) => table === this.#names.runs && column === null);
  }

  async choose(
    found: FoundSchema,
    { isComplete, since }: { readonly isComplete: boolean; readonly since: number },
  ): Promise<Flows> {
    if (!this.#hasColumn(found)) {
      return this.#plain;
    }
    if (!isComplete) {
      return this.#columnAlone;
    }
    return found.tables.has(this.#names.versions) && (await this.#isCopied(since)) ? this.#copied : this.#merged;
  }

  /** Whether there is a column whose runs are not all copied. */
  mayCopy(flows: Flows): boolean {
    return flows === this.#merged || flows === this.#columnAlone;
  }

  #hasColumn(found: FoundSchema): boolean {
    return found.tables.get(this.#names.sessions)?.has("runs") ?? false;
  }

  #isCopied(since: number): Promise<boolean> {
    const ask = (until: number) => this.#driver.read((on) => this.#legacy.isCopied(on), undefined, until);
    return withRetry(ask, this.#driver, { since });
  }
}
