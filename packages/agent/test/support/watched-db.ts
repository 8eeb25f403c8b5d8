import type { SessionDb } from "@sessiondb/core";

/** A store that notes which of its methods are called, and can be told to fail. */
export function watched(db: SessionDb): { db: SessionDb; calls: string[]; failing: Set<string> } {
  const calls: string[] = [];
  const failing = new Set<string>();
  const proxy = new Proxy(db, {
    get: (target, name) => {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== "function") {
        return member;
      }
      return (...args: unknown[]): unknown => {
        calls.push(String(name));
        if (failing.has(String(name))) {
          return Promise.reject(new Error(`${String(name)} fails`));
        }
        return (member as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { db: proxy, calls, failing };
}
