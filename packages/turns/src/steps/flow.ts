/** The types of what a step is given, and of its content. They exist for the compiler alone. */
export interface Flow<Previous, Content> {
  readonly "~flow"?: ((previous: Previous) => Content) | undefined;
}
