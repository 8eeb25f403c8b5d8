import pg from "pg";

/** The server asked for a login that is not bound to its certificate. */
export class UnboundLoginError extends Error {
  constructor() {
    super("The login is not bound to the connection");
  }

  override get name(): string {
    return "UnboundLoginError";
  }
}

/** The parts of pg's client that have no types. */
interface LoginParts {
  readonly connection: NodeJS.EventEmitter & { readonly stream: { destroy(error: Error): void } };
  readonly saslSession: { readonly mechanism?: string } | null;
}

/**
 * A client that logs in only by SCRAM with channel binding. By itself, pg also sends the password in any other way that
 * the server asks for.
 */
export class BoundClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const parts = this as unknown as LoginParts;
    const { connection } = parts;
    let isBound = false;
    const check = (): void => {
      isBound ||= parts.saslSession?.mechanism === "SCRAM-SHA-256-PLUS";
      if (!isBound) {
        connection.stream.destroy(new UnboundLoginError());
      }
    };
    // These listeners come before pg's own, which answer. Until `authenticationSASLContinue`, no secret was sent.
    connection.on("authenticationCleartextPassword", check);
    connection.on("authenticationMD5Password", check);
    connection.on("authenticationSASLContinue", check);
    connection.on("authenticationOk", check);
  }
}
