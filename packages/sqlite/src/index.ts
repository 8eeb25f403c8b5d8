export { memoryTables } from "./memory-schema.ts";
export { sessionTables, type SqliteTableOptions } from "./schema.ts";
export type { SqliteSessionDbOptions } from "./sqlite-options.ts";
export { fromUrl, ownStorageUrl, SqliteSessionDb } from "./sqlite-session-db.ts";
