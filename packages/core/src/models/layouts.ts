/** A key in the tree of layouts, reached by the keys before it. */
interface Node<Made> {
  /** The key that most often comes next, with its node. */
  key: string | null;
  next: Node<Made> | null;
  /** The other keys that come next. */
  readonly others: Map<string, Node<Made>>;
  visits: number;
  /** Undefined until it is made; null if it cannot be made. */
  made: Made | null | undefined;
  /** The keys of the layout, in order. */
  readonly keys: readonly string[];
}

/** How many objects of a layout must be seen before something is made for it. */
const worthwhile = 8;
/** The size of the tree, in keys: data with ever new keys must not fill the memory. */
const mostNodes = 4000;
/** Longer keys are no names of a model. */
const longestKey = 64;

/**
 * Finds what was made for the layout of an object: its keys in their order. Objects of few layouts, as programs write
 * them, need one comparison for each key.
 */
export class Layouts<Made> {
  readonly #make: (keys: readonly string[]) => Made | null;
  readonly #root: Node<Made> = newNode([]);
  #nodes = 1;

  /** @param make is called once for each common layout. */
  constructor(make: (keys: readonly string[]) => Made | null) {
    this.#make = make;
  }

  /** Null if nothing was made for the layout. */
  of(object: object): Made | null {
    let node = this.#root;
    for (const key in object) {
      const next = node.key === key ? node.next : (node.others.get(key) ?? this.#grow(node, key));
      if (next === null) {
        return null;
      }
      node = next;
    }
    if (node.made === undefined) {
      node.visits += 1;
      if (node.visits < worthwhile) {
        return null;
      }
      // Those that led here: an object may name others when it is asked again.
      node.made = this.#make(node.keys);
    }
    return node.made;
  }

  #grow(node: Node<Made>, key: string): Node<Made> | null {
    if (this.#nodes >= mostNodes || key.length > longestKey) {
      return null;
    }
    this.#nodes += 1;
    const next = newNode<Made>([...node.keys, key]);
    if (node.key === null) {
      node.key = key;
      node.next = next;
    } else {
      node.others.set(key, next);
    }
    return next;
  }
}

function newNode<Made>(keys: readonly string[]): Node<Made> {
  return { key: null, next: null, others: new Map(), visits: 0, made: undefined, keys };
}
