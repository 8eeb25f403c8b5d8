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
  readonly connection: NodeJS.EventEmitter & { readonly stream: { destroy(): void } };
  readonly saslSession: { readonly mechanism?: string } | null;
}

/** What a server says when it wants the password, or wants none. Before these, no secret was sent. */
const loginMessages: readonly unknown[] = [
  "authenticationCleartextPassword",
  "authenticationMD5Password",
  "authenticationSASLContinue",
  "authenticationOk",
];

/**
 * A client that logs in only by SCRAM with channel binding. By itself, pg also sends the password in any other way that
 * the server asks for.
 */
export class BoundClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const parts = this as unknown as LoginParts;
    const { connection } = parts;
    const emit = connection.emit.bind(connection);
    let isBound = false;
    let isRefused = false;
    // What is refused does not reach pg, which would answer it.
    connection.emit = (message, ...values) => {
      isBound ||= parts.saslSession?.mechanism === "SCRAM-SHA-256-PLUS";
      if (!isBound && !isRefused && loginMessages.includes(message)) {
        isRefused = true;
        emit("error", new UnboundLoginError());
        connection.stream.destroy();
      }
      return isRefused && message !== "end" ? false : emit(message, ...values);
    };
  }
}
