import { inspect } from "node:util";
import { openSessionDb, SessionDbError } from "@sessiondb/core";
import { describe, expect, test } from "vitest";

/** A text that no error may contain, in whole or in part. */
export const secret = "Zq7secretXk9";

/** Passwords with the secret and characters that mean something in a URL, as people paste them: not encoded. */
const rawPasswords: readonly string[] = ["/", "#", "?", "@", "%", "&", ":", ",", "\\", " ", "[", "]", "%2", "%zz"]
  .flatMap((character) => [
    `${secret}${character}`,
    `${character}${secret}`,
    `12345${character}${secret}`,
    `${secret}${character}${secret}`,
    `${secret}${character}@`,
    `${secret}@${character}`,
    `a${character}/${secret}`,
    `1${character}#${secret}`,
    `1${character}?${secret}=1`,
    `1${character}?x=${secret}`,
  ])
  .filter((password) => !password.includes(":/"));

/** All that an error tells: message, stack, properties, hidden or not, its JSON, and the same of its causes. */
export function toldBy(error: unknown): string {
  const parts = [inspect(error, { depth: 20, showHidden: true, maxStringLength: null }), JSON.stringify(error)];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    parts.push(String(cause), cause.stack ?? "", JSON.stringify(Object.getOwnPropertyDescriptors(cause)));
  }
  return parts.join("\n");
}

/** Expects an error of the library that tells nothing of the secret; gives its code. */
export function expectSecretKept(error: unknown, hidden: readonly string[] = [secret]): string {
  const told = toldBy(error);
  for (const each of hidden) {
    expect(told).not.toContain(each);
  }
  expect(SessionDbError.isInstance(error)).toBe(true);
  return (error as SessionDbError).code;
}

/** The error that a function throws, now or later; undefined if it throws none. */
export async function errorOf(act: () => unknown): Promise<unknown> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Matches the error for a connection string that is refused. */
export function invalid(message: RegExp): unknown {
  return expect.objectContaining({ code: "INVALID_CONNECTION_STRING", message: expect.stringMatching(message) });
}

/** Tests that `open` refuses what is not percent-encoded, and quotes nothing of it. */
export function testEncoding(scheme: string, open: (url: string) => unknown): void {
  test.each(["h/100%", "root:100%@h/d", "h/%ff", "a%00b@h/d"].map((rest) => `${scheme}://${rest}`))(
    "with a percent sign that encodes nothing is refused with the advice to encode it: %s",
    async (url) => {
      expect(await errorOf(() => open(url))).toEqual(invalid(/write % itself as %25/));
    },
  );

  test.each(["/", "#", "?"])(
    "in a password, an unencoded %s is refused, and the user name is not quoted",
    async (character) => {
      const error = await errorOf(() => open(`${scheme}://Zqapp:12${character}34@db.example.com/agents`));
      expectSecretKept(error, ["Zqapp", "34@"]);
    },
  );
}

/** Tests connection strings with passwords as people paste them, of all servers and of one. */
export function testRawPasswords(
  scheme: string,
  {
    further,
    placeOf,
  }: {
    /** The forms of this server alone. */
    readonly further: (password: string) => readonly string[];
    /** What errors of a connection name. */
    readonly placeOf: (url: string) => string;
  },
): void {
  describe("a connection string", () => {
    test.each(rawPasswords)("keeps the password %j to itself", async (password) => {
      const forms = [
        `${scheme}://app:${password}@a,b/agents?oops=1`,
        `${scheme}://${password}@db.example.com:none/agents`,
        `${scheme}://app:pw@db.example.com/agents?password=${password}`,
        `${scheme}://app:${password}@db.example.com/agents?sslmod=1`,
        `${scheme}:app:${password}@db.example.com/agents`,
        `app:${password}@db.example.com/agents`,
        ...further(password),
      ];
      for (const url of forms) {
        const error = await errorOf(() => openSessionDb(url));
        expect(error === undefined ? placeOf(url) : toldBy(error)).not.toContain(secret);
        expect(error ?? {}).not.toBeInstanceOf(TypeError);
      }
    });

    test.each(rawPasswords.filter((password) => /[/#?]/.test(password)))(
      "refuses the password %j, which must be encoded",
      async (password) => {
        const error = await errorOf(() => openSessionDb(`${scheme}://app:${password}@db.example.com:1/agents`));
        expect(error).toEqual(invalid(/write \/ as %2F/));
      },
    );
  });
}
