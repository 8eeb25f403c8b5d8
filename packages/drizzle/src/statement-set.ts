import { sql, type SQL } from "drizzle-orm";
import type { SqlDialect } from "./sql-dialect.ts";
import type { SqlConnection } from "./sql-driver.ts";
import { Statement, type Selection } from "./statement.ts";
import { step, type Steps } from "./steps.ts";

/** Statements of one dialect, each rendered once; lists once for each combination of conditions that is asked for. */
export abstract class StatementSet {
  protected readonly dialect: SqlDialect;
  readonly #rendered = new Map<string, Statement<never>>();

  constructor(dialect: SqlDialect) {
    this.dialect = dialect;
  }

  /** `limit :name` */
  protected limit(name: string): SQL {
    const placeholder = sql`${sql.placeholder(name)}`;
    return sql`limit ${this.dialect.limit?.(placeholder) ?? placeholder}`;
  }

  /** A statement rendered at its first use. `key` must tell apart whatever `make` renders differently. */
  protected once<Row>(key: string, make: () => Statement<Row>): Statement<Row> {
    let statement = this.#rendered.get(key) as Statement<Row> | undefined;
    if (statement === undefined) {
      statement = make();
      this.#rendered.set(key, statement as unknown as Statement<never>);
    }
    return statement;
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

  /** Rows of a list: one that cannot be read is among them, see `readable`. */
  protected *listed<Row>(on: SqlConnection, statement: Statement<Row>, values: Record<string, unknown>): Steps<Row[]> {
    return (yield* this.raw(on, statement, values)).map((row) => statement.decodeListed(row));
  }

  /** Rows as the driver gives them, for a statement whose rows are of several kinds. */
  protected *raw<Row>(
    on: SqlConnection,
    statement: Statement<Row>,
    values: Record<string, unknown>,
  ): Steps<unknown[][]> {
    return (yield* step(on.execute(statement as unknown as Statement<never>, statement.bind(values)))).rows;
  }

  protected *affected(on: SqlConnection, statement: Statement<never>, values: Record<string, unknown>): Steps<number> {
    return (yield* step(on.execute(statement, statement.bind(values)))).affected;
  }
}
