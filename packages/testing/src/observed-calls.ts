import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ObservedCall } from "@sessiondb/core";
import { afterEach, beforeEach } from "vitest";

const ends = "tracing:sessiondb:call:asyncEnd";

/** The calls that have ended in the test under way. */
export function observeCalls(): ObservedCall[] {
  const calls: ObservedCall[] = [];
  const listener = (call: unknown): number => calls.push(call as ObservedCall);
  beforeEach(() => {
    calls.length = 0;
    subscribe(ends, listener);
  });
  afterEach(() => unsubscribe(ends, listener));
  return calls;
}
