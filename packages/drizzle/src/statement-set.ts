import { countStatement } from "@sessiondb/core/adapter";
import { sql, type SQL } from "drizzle-orm";
import type { SqlDialect } from "./sql-dialect.ts";
import type { SqlConnection, StatementResult } from "./sql-driver.ts";
import { Statement, type Selection } from "./statement.ts";
import { step, type Steps } from "./steps.ts";

/** Returns a statement that is rendered at its first use and then kept. */
export function once<Row>(render: () => Statement<Row>): () => Statement<Row> {
  let statement: Statement<Row> | null = null;
  return () => (statement ??= render());
}

/** Returns statements that are rendered from a shape, plain data, each at its first use and then kept. */
export function byShape<Shape, Row>(render: (shape: Shape) => Statement<Row>): (shape: Shape) => Statement<Row> {
  const rendered = new Map<string, Statement<Row>>();
  return (shape) => {
    const key = JSON.stringify(shape);
    const statement = rendered.get(key) ?? render(shape);
    rendered.set(key, statement);
    return statement;
  };
}

/** Statements of one dialect: the constant ones as fields, and the methods that run them. */
export abstract class StatementSet {
  protected readonly dialect: SqlDialect;

  constructor(dialect: SqlDialect) {
    this.dialect = dialect;
  }

  /** `limit :name` */
  protected limit(name: string): SQL {
    const placeholder = sql`${sql.placeholder(name)}`;
    return sql`limit ${this.dialect.limit?.(placeholder) ?? placeholder}`;
  }

  protected select<Row>(selection: Selection<Row>, from: SQL): Statement<Row> {
    const columns = Object.values<Selection<Row>[keyof Row]>(selection);
    return new Statement(this.dialect, sql`select ${sql.join(columns, sql`, `)} from ${from}`, selection);
  }

  protected write(query: SQL): Statement<never> {
    return new Statement<never>(this.dialect, query);
  }

  protected *rows<Row>(on: SqlConnection, statement: Statement<Row>, values: Record<string, unknown>): Steps<Row[]> {
    return (yield* this.raw(on, statement, values)).map((row) => statement.decode(row));
  }

  /** Rows of a list, including those that cannot be read, see `readable`. */
  protected *listed<Row>(on: SqlConnection, statement: Statement<Row>, values: Record<string, unknown>): Steps<Row[]> {
    return (yield* this.raw(on, statement, values)).map((row) => statement.decodeListed(row));
  }

  /** Rows as returned by the driver, for a statement whose rows are of several kinds. */
  protected *raw<Row>(
    on: SqlConnection,
    statement: Statement<Row>,
    values: Record<string, unknown>,
  ): Steps<unknown[][]> {
    return (yield* this.execute(on, statement as unknown as Statement<never>, statement.bind(values))).rows;
  }

  protected *affected(on: SqlConnection, statement: Statement<never>, values: Record<string, unknown>): Steps<number> {
    return (yield* this.execute(on, statement, statement.bind(values))).affected;
  }

  /** Runs a statement, and counts it for those who observe the call. */
  protected *execute(on: SqlConnection, statement: Statement<never>, bound: unknown[]): Steps<StatementResult> {
    const result = yield* step(on.execute(statement, bound));
    countStatement(bound, result);
    return result;
  }
}
