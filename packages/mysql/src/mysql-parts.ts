import { value } from "@sessiondb/drizzle";
import { sql, type SQL } from "drizzle-orm";

/**
 * `ON DUPLICATE KEY UPDATE` has no condition, and the number of affected rows does not distinguish an inserted row from
 * one left unchanged. So a statement that meets a row which must stay reports it through `last_insert_id`.
 */
export const kept = sql`last_insert_id(1) = 1`;

/** `a >= :a and (a > :a or b > :b)`: MySQL cannot use an index range for a comparison of rows. */
export function following(columns: readonly SQL[], names: readonly string[], order: "asc" | "desc"): SQL {
  const [column, ...moreColumns] = columns;
  const [name = "", ...moreNames] = names;
  const than = sql.raw(order === "asc" ? ">" : "<");
  if (moreColumns.length === 0) {
    return sql`${column} ${than} ${value(name)}`;
  }
  const next = following(moreColumns, moreNames, order);
  return sql`${column} ${than}= ${value(name)} and (${column} ${than} ${value(name)} or (${next}))`;
}
