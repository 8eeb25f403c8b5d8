/** Fields of a driver's error that identify its subject and never hold stored data. */
const fields = ["code", "errno", "sqlState", "severity", "schema", "table", "column", "constraint", "routine"] as const;

/** A word that can be a code or the name of a table, column or constraint, unlike a sentence. */
const word = /^[^\s'"]{1,128}$/;

/** The parts of a server's message that may be repeated. */
export interface KnownNames {
  /** The product, for the message. */
  readonly server: string;
  /** Names of tables and columns. Those that the server's message contains are repeated. */
  readonly names: readonly string[];
}

/**
 * A driver's error without the server's words, which may quote stored data: a trigger says what it likes, a duplicate
 * is quoted, and a proxy adds the values of the statement. Codes and names are kept.
 */
export class DriverError extends Error {
  /** The driver's code, such as `23505` or `ER_DUP_ENTRY`. */
  declare readonly code?: string;
  declare readonly errno?: number;
  declare readonly sqlState?: string;
  declare readonly severity?: string;
  declare readonly schema?: string;
  declare readonly table?: string;
  declare readonly column?: string;
  declare readonly constraint?: string;
  declare readonly routine?: string;
  /** The known names in the server's message, as ` about agno_runs, run_id`; empty if there are none. */
  readonly about: string;

  constructor(cause: object, { server, names }: KnownNames) {
    const kept = Object.fromEntries(
      fields.flatMap((name) => {
        const value: unknown = (cause as Readonly<Record<string, unknown>>)[name];
        return typeof value === "number" || (typeof value === "string" && word.test(value)) ? [[name, value]] : [];
      }),
    );
    const { code = "an error" } = kept;
    const message = "message" in cause && typeof cause.message === "string" ? cause.message : "";
    const mentioned = names.filter((name) => mentions(message, name));
    const about = mentioned.length === 0 ? "" : ` about ${mentioned.join(", ")}`;
    super(`${server} reported ${code}${about}`);
    Object.assign(this, kept);
    this.about = about;
  }

  override get name(): string {
    return "DriverError";
  }
}

/** Whether a message contains a name as a separate word. */
function mentions(message: string, name: string): boolean {
  for (let at = message.indexOf(name); at >= 0; at = message.indexOf(name, at + 1)) {
    const around = `${message[at - 1] ?? ""}${message[at + name.length] ?? ""}`;
    if (!/[\p{L}\p{N}_]/u.test(around)) {
      return true;
    }
  }
  return false;
}
