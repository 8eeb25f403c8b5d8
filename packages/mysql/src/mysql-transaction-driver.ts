import { InvalidArgumentError } from "@sessiondb/core";
import {
  runAsync,
  type ClassifiedError,
  type FoundSchema,
  type SqlConnection,
  type SqlDriver,
  type Steps,
} from "@sessiondb/drizzle";
import type { Connection } from "mysql2/promise";
import { MysqlConnection, type ServerLimits } from "./mysql-connection.ts";
import { classifyMysqlError } from "./mysql-errors.ts";
import { inspect } from "./mysql-schema.ts";
import { checkSettings } from "./mysql-settings.ts";

type Work<Result> = (connection: SqlConnection) => Steps<Result>;

/**
 * The caller's connection, with the transaction that the caller began on it. Each write is a savepoint, so that one that
 * is refused leaves the transaction usable. Nothing is retried: a deadlock has undone the caller's statements too.
 */
export class MysqlTransactionDriver implements SqlDriver {
  readonly patience = 0;
  readonly #on: MysqlConnection;
  readonly #database: string | null;
  readonly #server: string;
  #limits: ServerLimits | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    connection: Connection,
    { database, server, timeout }: { database: string | null; server: string; timeout: number },
  ) {
    this.#on = new MysqlConnection(connection, { timeout, limits: () => this.#limits });
    this.#database = database;
    this.#server = server;
  }

  read<Result>(work: Work<Result>): Promise<Result> {
    return this.#inTurn(() => runAsync(work(this.#on)));
  }

  write<Result>(work: Work<Result>): Promise<Result> {
    return this.#inTurn(async () => {
      await this.#on.command("SAVEPOINT sessiondb");
      try {
        const result = await runAsync(work(this.#on));
        await this.#on.command("RELEASE SAVEPOINT sessiondb");
        return result;
      } catch (error) {
        // After a deadlock there is no savepoint any more: the error of the write is the one that tells.
        await this.#on.command("ROLLBACK TO SAVEPOINT sessiondb").catch(() => null);
        throw error;
      }
    });
  }

  single<Result>(work: Work<Result>): Promise<Result> {
    return this.read(work);
  }

  inspect(tables: readonly string[]): Promise<FoundSchema> {
    return this.#inTurn(async () => {
      await checkSettings(this.#on, "connection");
      const { found, packetBytes } = await inspect(this.#on, { tables, database: this.#database });
      this.#limits = { packetBytes };
      return found;
    });
  }

  async migrate(): Promise<void> {
    throw new InvalidArgumentError(
      "migrate",
      "called on the store itself: creating tables would commit your transaction",
    );
  }

  inCallersTransaction(): boolean {
    return true;
  }

  classify(error: unknown): ClassifiedError {
    return classifyMysqlError(error, this.#server);
  }

  async close(): Promise<void> {}

  /** One after the other: writes that overlapped would share the savepoint's name. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => null);
    return result;
  }
}
