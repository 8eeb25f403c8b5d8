/** Work that waits for the one under way. */
interface Waiting {
  work: () => Promise<void>;
  readonly done: Promise<void>;
}

/**
 * Work that follows answers, one piece at a time for each key. Of the pieces that wait only the newest is done, for all of
 * them: whatever does such work finds by itself what is to be done.
 */
export class BackgroundWork {
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, Waiting>();

  /** Does work as soon as none is under way for the key. Settles with it, or with that which took its place. */
  async add(key: string, work: () => Promise<void>): Promise<void> {
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.work = work;
      return waiting.done;
    }
    const before = this.#underWay.get(key);
    if (before === undefined) {
      return this.#begin(key, work);
    }
    const next: Waiting = {
      work,
      done: before.then(() => {
        this.#waiting.delete(key);
        return this.#begin(key, next.work);
      }),
    };
    this.#waiting.set(key, next);
    return next.done;
  }

  #begin(key: string, work: () => Promise<void>): Promise<void> {
    const done = work();
    this.#underWay.set(key, this.#ended(key, done));
    return done;
  }

  /** Never rejects. */
  async #ended(key: string, work: Promise<void>): Promise<void> {
    await Promise.allSettled([work]);
    this.#underWay.delete(key);
  }
}

const ofStores = new WeakMap<object, BackgroundWork>();

/** Returns the work on a store, which all of its components in this process share. */
export function backgroundWorkOn(store: object): BackgroundWork {
  const work = ofStores.get(store) ?? new BackgroundWork();
  ofStores.set(store, work);
  return work;
}
