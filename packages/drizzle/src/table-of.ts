import type { Column, Table } from "drizzle-orm";

/** A Drizzle table of any dialect with one column for each property of a row. */
export type TableOf<Row> = Table & { readonly [Name in keyof Row]-?: Column };
