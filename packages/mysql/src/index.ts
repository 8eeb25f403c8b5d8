export { sessionTables, type MySqlTableOptions } from "./schema.ts";
export { fromUrl, MySqlSessionDb, type MySqlSessionDbOptions } from "./mysql-session-db.ts";
