export { sessionTables, type SqliteTableOptions } from "./schema.ts";
export { fromUrl, SqliteSessionDb, type SqliteSessionDbOptions } from "./sqlite-session-db.ts";
