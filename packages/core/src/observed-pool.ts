import { channel } from "node:diagnostics_channel";

/** The state of a store's pool after a change, as the channel `sessiondb:pool` of `node:diagnostics_channel` tells it. */
export interface ObservedPool {
  /** The kind of store, as in `ObservedCall`. */
  readonly store: string;
  /** The connections that serve calls of the store. */
  readonly used: number;
  /** The calls of the store that wait for a connection. */
  readonly waiting: number;
  /** The connections whose statement was given up, until the server has let go of them. */
  readonly abandoned: number;
}

const pools = channel("sessiondb:pool");

/** Publishes the state of a pool if anybody listens. */
export function publishPool(state: () => ObservedPool): void {
  if (pools.hasSubscribers) {
    pools.publish(state());
  }
}
