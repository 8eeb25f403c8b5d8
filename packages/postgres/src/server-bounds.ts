import { lockWait } from "@sessiondb/drizzle";

/** The settings by which a server bounds what a connection may wait for. */
export const boundNames = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] as const;

export type BoundName = (typeof boundNames)[number];

/** The bounds to ask for when a connection starts, as far as the connection string does not set them itself. */
export function startingBounds(url: string, statementTimeout: number): Partial<Record<BoundName, number>> {
  const given = new URL(url).searchParams.get("options") ?? "";
  return Object.fromEntries(Object.entries(serverBounds(statementTimeout)).filter(([name]) => !given.includes(name)));
}

/** The server's bounds, in milliseconds, for a client that waits for a statement for this long. */
export function serverBounds(statementTimeout: number): Readonly<Record<BoundName, number>> {
  // The server's answer should come before the client stops waiting for it, which costs the connection.
  const time = Math.max(1, Math.floor(statementTimeout - Math.min(500, statementTimeout / 10)));
  return { statement_timeout: time, lock_timeout: lockWait, idle_in_transaction_session_timeout: time };
}

/** Whether a server, or a pooler before it, refused a connection because it was to set bounds. */
export function refusesBounds(cause: unknown): boolean {
  const { code, message = "" } = cause as { readonly code?: unknown; readonly message?: string };
  return code === "08P01" || (typeof code === "string" && boundNames.some((name) => message.includes(name)));
}
