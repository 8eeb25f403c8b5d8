import { gateway, type LanguageModel } from "ai";

/** A method with which the AI SDK asks a model. */
type Asking = "doGenerate" | "doStream";

/** Asks a model with other options, or in another way. */
type Wrap = (call: (options: object) => unknown, options: object, method: Asking) => unknown;

/**
 * Returns a model whose calls go through `wrap`. It keeps its version of the specification, which the AI SDK's own function
 * for this does not.
 */
export function wrappedModel(model: LanguageModel, wrap: Wrap): LanguageModel {
  const target =
    typeof model === "string" ? (globalThis.AI_SDK_DEFAULT_PROVIDER ?? gateway).languageModel(model) : model;
  return new Proxy(target, {
    get: (_target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" && (name === "doGenerate" || name === "doStream")
        ? (options: object) => wrap((given) => member.call(target, given) as unknown, options, name)
        : member;
    },
  });
}
