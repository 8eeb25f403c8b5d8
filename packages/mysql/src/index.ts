export { memoryTables } from "./memory-schema.ts";
export { sessionTables, type MySqlTableOptions } from "./schema.ts";
export type { MySqlSessionDbOptions } from "./mysql-options.ts";
export { fromUrl, ownStorageUrl, MySqlSessionDb } from "./mysql-session-db.ts";
