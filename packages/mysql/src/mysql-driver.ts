import { createHash } from "node:crypto";
import { DatabaseBusyError, PermissionDeniedError } from "@sessiondb/core";
import {
  ddlTimeout,
  lockWait,
  ServerDriver,
  type ClassifiedError,
  type FoundSchema,
  type ServerConnections,
  type ServerTimes,
} from "@sessiondb/drizzle";
import type { MysqlConnection, ServerLimits } from "./mysql-connection.ts";
import type { FoundMysqlSchema } from "./mysql-dialect.ts";
import { classifyMysqlError, type MysqlPlace } from "./mysql-errors.ts";
import {
  checkSettings,
  checkTemporary,
  inspect,
  namesOf,
  setUp,
  type MysqlLocation,
  type ServerBounds,
} from "./mysql-inspection.ts";

export interface MysqlDriverOptions {
  readonly connections: ServerConnections<MysqlConnection>;
  /** The tables of the store. */
  readonly location: MysqlLocation;
  /** Host and database, for error messages. */
  readonly server: string;
  readonly times: ServerTimes;
  /** Filled in once the server was asked. */
  readonly limits: ServerLimits;
}

/** The time that the client has beyond its own bound, in milliseconds, so that the server's does not come first. */
const idleReserve = 2000;

export class MysqlDriver extends ServerDriver<MysqlConnection> {
  readonly #options: MysqlDriverOptions;
  readonly #bounds: ServerBounds;
  #names: readonly string[];

  constructor(options: MysqlDriverOptions) {
    super(options.connections, options.times);
    this.#options = options;
    const idle = wholeSeconds(options.times.statementTimeout + idleReserve);
    this.#bounds = { lockWait: wholeSeconds(lockWait), idle };
    this.#names = options.location.tables;
  }

  async inspect(tables: readonly string[], until?: number): Promise<FoundSchema> {
    const location = { ...this.#options.location, tables };
    const { found, packetBytes } = await this.use(
      async (on) => {
        if (this.inCallersTransaction()) {
          await checkTemporary(on, location);
          await on.checkTransaction();
        }
        return inspect(on, location);
      },
      { until },
    );
    this.#options.limits.packetBytes = packetBytes;
    this.#names = namesOf(found);
    return found;
  }

  /**
   * Runs the statements that `plan` returns for the schema found, one process at a time. DDL commits as it goes, so a
   * lock of the connection replaces a transaction; it ends with the connection.
   */
  migrate(
    tables: readonly string[],
    plan: (found: FoundMysqlSchema) => string[],
    until = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const location = { ...this.#options.location, tables };
    const seconds = wholeSeconds(this.patience);
    return this.use(
      async (on) => {
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
      },
      { until },
    );
  }

  protected override async prepare(on: MysqlConnection): Promise<void> {
    await (on.options.origin === "url" ? setUp(on, this.#bounds) : checkSettings(on));
    await checkTemporary(on, this.#options.location);
  }

  protected override translate(error: unknown): ClassifiedError {
    return classifyMysqlError(error, { ...this.#place, reached: this.reached });
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
