import { InvalidArgumentError, PayloadTooLargeError, type SessionDbError } from "@sessiondb/core";
import type { RunRow, SessionRow } from "@sessiondb/core/adapter";
import {
  bare,
  byShape,
  list,
  once,
  RefusedDocument,
  SessionWrites,
  value,
  type SqlConnection,
  type Statement,
  type Steps,
} from "@sessiondb/drizzle";
import { getTableColumns, sql, type Column, type SQL } from "drizzle-orm";
import { packetAdvice, type MysqlResult } from "./mysql-connection.ts";
import { errorNumber, wordless } from "./mysql-errors.ts";
import { kept } from "./mysql-parts.ts";

/** The writes that MySQL and MariaDB spell in their own way. */
export class MysqlWrites extends SessionWrites {
  override replaceStored(_key: Column, column: Column): SQL {
    return sql`on duplicate key update ${bare(column)} = values(${bare(column)})`;
  }

  readonly #insertSession = once(() => {
    const { sessions } = this.dialect.tables;
    const { createdAt } = sessions;
    return this.write(
      sql`insert into ${sessions} ${this.newSession()}
        on duplicate key update ${bare(createdAt)} = if(${kept}, ${createdAt}, ${createdAt})`,
    );
  });

  override *insertSession(on: SqlConnection, session: SessionRow<string>): Steps<boolean> {
    return yield* refusing(this.#changes(on, this.#insertSession(), { ...session }), session);
  }

  override *updateSession(on: SqlConnection, sessionId: string, columns: Partial<SessionRow<string>>): Steps<void> {
    yield* refusing(super.updateSession(on, sessionId, columns), columns);
  }

  /**
   * Uses an INSERT of a SELECT, not of VALUES, with which the servers would read the last index under locks that reach
   * into the next session's runs, and writers to different sessions would wait for each other.
   */
  readonly #putRun = byShape(({ keepsTime }: { keepsTime: boolean }) => {
    const { runs } = this.dialect.tables;
    const columns: Record<string, Column> = getTableColumns(runs);
    const place = sql`coalesce(${value("runIndex")}, last.place)`;
    const values = Object.keys(columns).map((name) => (name === "runIndex" ? place : value(name)));
    const most = sql.raw(String(Number.MAX_SAFE_INTEGER));
    return this.write(
      sql`insert into ${runs} (${list(Object.values(columns).map(bare))})
        select ${list(values)} from (
          select least(coalesce(max(${runs.runIndex}) + 1, 0), ${most}) as place
          from ${runs} where ${runs.sessionId} = ${value("sessionId")}) as last
        ${this.replaceRun(keepsTime)}`,
    );
  });

  override *putRun(on: SqlConnection, run: RunRow<string>, keepsTime = false): Steps<boolean> {
    return yield* refusing(this.#changes(on, this.#putRun({ keepsTime }), { ...run }), { runData: run.runData });
  }

  protected override keepStored(): SQL {
    const { runId } = this.dialect.tables.runs;
    return sql`on duplicate key update ${bare(runId)} = if(${kept}, ${runId}, ${runId})`;
  }

  protected override replaceRun(keepsTime = false): SQL {
    const { runId, sessionId, runIndex } = this.dialect.tables.runs;
    // Any unique key leads here, including one that an application added: the row found may be another run.
    const sameRun = sql`${runId} = values(${bare(runId)}) and ${sessionId} = values(${bare(sessionId)})`;
    const index = sql`coalesce(${runIndex}, values(${bare(runIndex)}))`;
    const assignments = [
      ...this.replacedColumns(keepsTime).map(
        (column) => sql`${bare(column)} = if(${sameRun}, values(${bare(column)}), ${column})`,
      ),
      sql`${bare(runIndex)} = if(${sameRun}, ${index}, if(${kept}, ${runIndex}, ${runIndex}))`,
    ];
    return sql`on duplicate key update ${list(assignments)}`;
  }

  protected override renumbering(ranked: SQL): SQL {
    const { runs } = this.dialect.tables;
    return sql`update ${runs} join (${ranked}) as ranked on ${runs.runId} = ranked.id
      set ${runs.runIndex} = ranked.place
      where ${runs.runIndex} is null or ${runs.runIndex} <> ranked.place`;
  }

  protected override hasInserted(result: MysqlResult, rows: number): boolean {
    return !result.kept && super.hasInserted(result, rows);
  }

  *#changes(on: SqlConnection, statement: Statement<never>, values: Record<string, unknown>): Steps<boolean> {
    const { kept: isKept, affected } = (yield* this.execute(on, statement, statement.bind(values))) as MysqlResult;
    // A sharding proxy that drops the row reports zero affected rows.
    return !isKept && affected > 0;
  }
}

const tooDeep = 3157;
const keyTooLong = 3151;
/** A failed CHECK, such as MariaDB's on a column created as JSON. */
const checkFailed = 4025;

type Refusal = (argument: string, column: string) => SessionDbError;

/**
 * Runs a write of a row, and names the document that exceeds the server's limits. The server decides, so that only the
 * text of refused documents is examined.
 */
function* refusing<Result>(steps: Steps<Result>, row: object): Steps<Result> {
  try {
    return yield* steps;
  } catch (cause) {
    const documents = documentsOf(row);
    if (cause instanceof PayloadTooLargeError) {
      const { size, limit } = cause;
      throw refused(
        documents,
        (json) => Buffer.byteLength(json),
        (argument) => {
          return new PayloadTooLargeError(argument, { size, limit, advice: packetAdvice }, { cause });
        },
      );
    }
    throw refusalOf(cause, documents) ?? cause;
  }
}

function documentsOf(row: object): [column: string, json: string][] {
  return Object.entries(row).flatMap(([column, json]) =>
    typeof json === "string" && /^[[{]/.test(json) ? [[column, json]] : [],
  );
}

function refusalOf(cause: unknown, documents: [string, string][]): RefusedDocument | null {
  const number = errorNumber(cause);
  const options = { cause: wordless(cause, { names: [] }) };
  if (number === keyTooLong) {
    const expected = "free of keys longer than 65,535 bytes, which MySQL cannot hold";
    return refused(
      documents,
      longestKey,
      (argument, column) => new InvalidArgumentError(pathOf(argument, column), expected, options),
    );
  }
  if (number !== tooDeep && number !== checkFailed) {
    return null;
  }
  const limit = number === tooDeep ? 100 : 31;
  const depth = Math.max(...documents.map(([, json]) => depthOf(json)));
  // A CHECK of the application's own may also fail.
  return depth <= limit
    ? null
    : refused(documents, depthOf, (argument, column) => {
        const expected = `nested at most ${limit} levels deep in this table, not ${depth}`;
        return new InvalidArgumentError(pathOf(argument, column), expected, options);
      });
}

/** The path of a document; that of a run is the whole run. */
function pathOf(argument: string, column: string): string {
  return column === "runData" ? argument : `${argument}.${column}`;
}

/** Refuses the document with the highest measure. */
function refused(documents: [string, string][], measure: (json: string) => number, refusal: Refusal): RefusedDocument {
  const [column] = documents.toSorted(([, a], [, b]) => measure(b) - measure(a))[0] ?? ["document"];
  return new RefusedDocument(column, (argument) => refusal(argument, column));
}

function longestKey(json: string): number {
  const keys = Array.from(json.matchAll(/"(?:[^"\\]|\\.)*"(?=:)/gs), ([key]) => key.length);
  return keys.reduce((longest, length) => Math.max(longest, length), 0);
}

/** Returns the levels of arrays and objects of a JSON text. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[{]|[\]}]/gs)) {
    if (token === "[" || token === "{") {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (token === "]" || token === "}") {
      depth -= 1;
    }
  }
  return deepest;
}
