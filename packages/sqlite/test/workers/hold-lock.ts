import Database from "better-sqlite3";

// hold-lock <file> <statements>: runs the statements, which lock the file, says "locked", and keeps the lock until its input
// ends.
const [file = "", statements = ""] = process.argv.slice(2);

const client = new Database(file);
client.exec(statements);
process.stdout.write("locked\n");
process.stdin.resume().on("end", () => client.close());
