export { sessionTables, type MySqlTableOptions } from "./schema.ts";
export { fromUrl, ownStorageUrl, MySqlSessionDb, type MySqlSessionDbOptions } from "./mysql-session-db.ts";
