import { InvalidArgumentError } from "@sessiondb/core";
import { checkKeys, named, present } from "@sessiondb/core/adapter";

/** The price of a model for a million tokens of each kind. The currency is the same for all models. */
export interface ModelPrice {
  /** Tokens of the input. */
  input: number;
  /** Tokens of the output. */
  output: number;
  /** Tokens of the input that the provider has in its cache. Default: `input`. */
  cachedInput?: number | undefined;
  /** Tokens of the input that it puts into its cache. Default: `input`. */
  cacheWrite?: number | undefined;
  /** Tokens of the output that are reasoning. Default: `output`. */
  reasoning?: number | undefined;
}

/** The prices of models, by the id of the model. */
export type Prices = Readonly<Record<string, ModelPrice>>;

const names = ["input", "output", "cachedInput", "cacheWrite", "reasoning"] as const;
const needed: readonly string[] = ["input", "output"];

export function pricesOf(value: unknown, argument: string): Prices {
  const given = Object.entries(named(value === undefined ? {} : value, argument));
  return Object.fromEntries(given.map(([id, price]) => [id, priceOf(price, `${argument}[${JSON.stringify(id)}]`)]));
}

function priceOf(value: unknown, argument: string): ModelPrice {
  checkKeys(value, argument, names);
  const price = value as Readonly<Record<(typeof names)[number], unknown>>;
  for (const name of names) {
    const amount = price[name];
    const isLeftOut = amount === undefined && !needed.includes(name);
    if (!isLeftOut && !(typeof amount === "number" && amount >= 0 && Number.isFinite(amount))) {
      throw new InvalidArgumentError(`${argument}.${name}`, "the price of a million tokens, 0 or more");
    }
  }
  return present(price) as ModelPrice;
}
