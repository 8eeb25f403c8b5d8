export { memoryTables } from "./memory-schema.ts";
export type { PostgresSessionDbOptions } from "./postgres-options.ts";
export { fromUrl, ownStorageUrl, PostgresSessionDb } from "./postgres-session-db.ts";
export { sessionTables, type PostgresTableOptions } from "./schema.ts";
