import { createHash, randomBytes } from "node:crypto";
import type { Statement } from "@sessiondb/drizzle";
import type { ClientBase } from "pg";

/** The most statements that are named on one connection: the server keeps each of them until the connection ends. */
const mostNames = 200;

/** A list of ids has a statement for each length. Those of longer lists would use up the names. */
const mostValues = 32;

/** The names in use on each connection: stores of one pool share them, as equal texts have equal names. */
const namesOn = new WeakMap<ClientBase, Set<string>>();

/** Forgets the names of a connection whose server has discarded them. */
export function forgetNames(client: ClientBase): void {
  namesOn.delete(client);
}

/** A statement as it is sent: the server prepares it at its first use on a connection, and knows it by name from then on. */
export interface PreparedStatement {
  readonly name: string;
  readonly text: string;
  /** The mark of its text. */
  readonly mark: string;
}

/** A prepared statement that the server refused for a reason that may lie in its preparation. */
export interface RefusedStatement {
  readonly statement: PreparedStatement;
  /** The SQLSTATE. */
  readonly code: string;
}

/**
 * Errors that a statement may meet only because it was prepared before its tables changed: another type of a result,
 * or parameters of the old types.
 */
const outdatedCodes = /^(0A000|22003|42804|42883)$/;

/** Whether the reason of an error may be that the statement was prepared. */
export function concernsPreparation(code: string, message: string): boolean {
  // Poolers have codes of their own; their words are English.
  return /^(26000|42P05)$/.test(code) || outdatedCodes.test(code) || /prepared statement/i.test(message);
}

/**
 * Decides which statements of a store are prepared. Left to itself, it stops for good at a pooler that hands the
 * connections of the server to its clients in turn, without the statements that they have prepared.
 */
export class PreparedStatements {
  readonly #isFixed: boolean;
  #isOff: boolean;
  #wasMissing = false;
  #mark = "";
  #known = new WeakMap<object, PreparedStatement>();

  /** @param wanted undefined to find out. */
  constructor(wanted: boolean | undefined) {
    this.#isFixed = wanted !== undefined;
    this.#isOff = wanted === false;
  }

  /** The prepared form of a statement; null if it is to be sent without a name, and planned for its values. */
  of(statement: Statement<never>, values: readonly unknown[], client: ClientBase): PreparedStatement | null {
    if (this.#isOff || statement.isPlannedAnew || values.length > mostValues) {
      return null;
    }
    const names = namesOn.get(client) ?? new Set();
    namesOn.set(client, names);
    const prepared = this.#known.get(statement) ?? this.#prepare(statement);
    if (names.size >= mostNames && !names.has(prepared.name)) {
      return null;
    }
    names.add(prepared.name);
    return prepared;
  }

  #prepare(statement: Statement<never>): PreparedStatement {
    const text = this.#mark === "" ? statement.text : `${statement.text} /* ${this.#mark} */`;
    const hash = createHash("sha256").update(text).digest("hex").slice(0, 32);
    const prepared = { name: `sessiondb_${hash}`, text, mark: this.#mark };
    this.#known.set(statement, prepared);
    return prepared;
  }

  /**
   * Draws the conclusion from a statement that was refused, where the same work then succeeded without names.
   *
   * Where tables changed, statements are prepared anew, with a mark in their texts: a pooler that follows knows
   * statements by their texts, and would go on using the old one. So are statements that are missing for the first
   * time, which a DISCARD ALL explains. What is missing again, or exists already, is the work of a pooler, or of
   * something that discards them regularly; then names cost more than they save.
   */
  blame({ statement, code }: RefusedStatement): void {
    if (statement.mark !== this.#mark) {
      // Prepared anew since then.
      return;
    }
    const isExplained = outdatedCodes.test(code) || (code === "26000" && !this.#wasMissing);
    this.#wasMissing ||= code === "26000";
    this.#isOff ||= !this.#isFixed && !isExplained;
    this.#mark = randomBytes(4).toString("hex");
    this.#known = new WeakMap();
  }
}
