export { fromUrl, ownStorageUrl, PostgresSessionDb, type PostgresSessionDbOptions } from "./postgres-session-db.ts";
export { sessionTables, type PostgresTableOptions } from "./schema.ts";
