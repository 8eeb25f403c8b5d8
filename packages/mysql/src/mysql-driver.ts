import { createHash } from "node:crypto";
import { DatabaseBusyError, PermissionDeniedError } from "@sessiondb/core";
import { ServerDriver, type ClassifiedError, type FoundSchema, type ServerConnections } from "@sessiondb/drizzle";
import type { MysqlConnection, ServerLimits } from "./mysql-connection.ts";
import type { FoundMysqlSchema } from "./mysql-dialect.ts";
import { classifyMysqlError, type MysqlPlace } from "./mysql-errors.ts";
import { checkSettings, checkTemporary, inspect, namesOf, setUp, type MysqlLocation } from "./mysql-inspection.ts";

export interface MysqlDriverOptions {
  readonly connections: ServerConnections<MysqlConnection>;
  /** The tables of the store. */
  readonly location: MysqlLocation;
  /** Host and database, for error messages. */
  readonly server: string;
  /** The time to wait for locks and to retry, in milliseconds. */
  readonly retryTimeout: number;
  /** Filled in once the server was asked. */
  readonly limits: ServerLimits;
}

/** An index on a large table may take hours to build. */
const ddlTimeout = 6 * 3_600_000;

export class MysqlDriver extends ServerDriver<MysqlConnection> {
  readonly #options: MysqlDriverOptions;
  #names: readonly string[];

  constructor(options: MysqlDriverOptions) {
    super(options.connections, options.retryTimeout);
    this.#options = options;
    this.#names = options.location.tables;
  }

  async inspect(tables: readonly string[]): Promise<FoundSchema> {
    const location = { ...this.#options.location, tables };
    const { found, packetBytes } = await this.use(async (on) => {
      if (this.inCallersTransaction()) {
        await checkTemporary(on, location);
        await on.checkTransaction();
      }
      return inspect(on, location);
    });
    this.#options.limits.packetBytes = packetBytes;
    this.#names = namesOf(found);
    return found;
  }

  /**
   * Runs the statements that `plan` returns for the schema found, one process at a time. DDL commits as it goes, so a
   * lock of the connection replaces a transaction; it ends with the connection.
   */
  migrate(tables: readonly string[], plan: (found: FoundMysqlSchema) => string[]): Promise<void> {
    const location = { ...this.#options.location, tables };
    const seconds = wholeSeconds(this.patience);
    return this.use(async (on) => {
      const lock = await lockOf(on, location);
      const [got] = (await on.query("select get_lock(?, ?)", [lock, seconds], (seconds + 5) * 1000)).rows;
      if (Number(got?.[0]) !== 1) {
        const { server } = this.#options;
        throw new DatabaseBusyError(`Another process has been creating the tables in ${server} for ${seconds} s.`);
      }
      try {
        const { found } = await inspect(on, location);
        for (const statement of plan(found)) {
          await runStatement(on, statement, this.#place);
        }
      } finally {
        await on.query("select release_lock(?)", [lock]);
      }
    });
  }

  protected override async prepare(on: MysqlConnection): Promise<void> {
    await (on.options.origin === "url" ? setUp(on, wholeSeconds(this.patience)) : checkSettings(on));
    await checkTemporary(on, this.#options.location);
  }

  protected override translate(error: unknown): ClassifiedError {
    return classifyMysqlError(error, this.#place);
  }

  get #place(): MysqlPlace {
    return { server: this.#options.server, names: this.#names };
  }
}

function wholeSeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}

/** The lock name: the same for all tables created beside those sessions, in every process. */
async function lockOf(on: MysqlConnection, { database, sessionTable }: MysqlLocation): Promise<string> {
  const [current] = database === null ? (await on.query("select database()")).rows : [[database]];
  const name = JSON.stringify([current?.[0], sessionTable]);
  // The servers take names of up to 64 characters, shared by the whole server.
  return `sessiondb ${createHash("sha1").update(name).digest("hex")}`;
}

async function runStatement(on: MysqlConnection, statement: string, place: MysqlPlace): Promise<void> {
  try {
    await on.command(statement, ddlTimeout);
  } catch (cause) {
    const { error } = classifyMysqlError(cause, place);
    if (!(error instanceof PermissionDeniedError)) {
      throw cause;
    }
    throw new PermissionDeniedError(
      `${error.message} The statement was: ${statement}. Run the statements of planMigration() with a role that may create tables; this role needs only SELECT, INSERT, UPDATE and DELETE on them.`,
      { cause: error.cause },
    );
  }
}
