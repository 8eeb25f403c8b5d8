/** A statement as it was sent. */
export interface RecordedStatement {
  readonly text: string;
  readonly values: unknown[];
  /** Its name, if the driver sent one. */
  readonly name?: string;
}

type Given =
  | string
  | { readonly text?: string; readonly sql?: string; readonly values?: unknown[]; readonly name?: string };

/** Wraps a client, or a pool with its connections, and records each statement as it is sent. */
export function recording<Target extends object>(target: Target, note: (sent: RecordedStatement) => void): Target {
  return new Proxy(target, {
    get(_, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") {
        return member;
      }
      return (...args: unknown[]): unknown => {
        if (name === "query" || name === "execute") {
          const [given, values = []] = args as [Given, unknown[]?];
          note(
            typeof given === "string"
              ? { text: given, values }
              : {
                  text: given.text ?? given.sql ?? "",
                  values: given.values ?? values,
                  ...(given.name !== undefined && { name: given.name }),
                },
          );
        }
        const result: unknown = Reflect.apply(member, target, args);
        return name === "getConnection" ? (result as Promise<object>).then((each) => recording(each, note)) : result;
      };
    },
  });
}
