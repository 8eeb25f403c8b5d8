export { sessionTables, type SqliteTableOptions } from "./schema.ts";
export { fromUrl, ownStorageUrl, SqliteSessionDb, type SqliteSessionDbOptions } from "./sqlite-session-db.ts";
