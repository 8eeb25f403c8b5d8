/** Values come as text and are decoded by their columns, whatever parsers the application has set. */
export const asText = { getTypeParser: () => (text: string) => text };
