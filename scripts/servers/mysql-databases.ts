import { startContainer } from "./compose.ts";
import { installedMariadb, installedMysql, startMysql, unpackedMariadb, unpackedMysql } from "./mysql.ts";
import type { MysqlProgram } from "./mysql.ts";
import type { TestDatabase, TestServer } from "./provision.ts";

async function serverOf(program: MysqlProgram | null): Promise<TestServer | null> {
  return program === null ? null : startMysql({ program });
}

export const mysql: TestDatabase = {
  name: "MySQL",
  variable: "SESSIONDB_TEST_MYSQL_URL",
  sources: [() => serverOf(installedMysql()), async () => serverOf(await unpackedMysql()), () => container("mysql")],
};

export const mariadb: TestDatabase = {
  name: "MariaDB",
  variable: "SESSIONDB_TEST_MARIADB_URL",
  sources: [
    () => serverOf(installedMariadb()),
    async () => serverOf(await unpackedMariadb()),
    () => container("mariadb"),
  ],
};

/** A program for servers that a test starts itself, to break them; null where only a container or a URL is to be had. */
export async function programOf(flavour: MysqlProgram["flavour"]): Promise<MysqlProgram | null> {
  const [installed, unpacked] =
    flavour === "mysql" ? [installedMysql, unpackedMysql] : [installedMariadb, unpackedMariadb];
  return installed() ?? (await unpacked().catch(() => null));
}

async function container(flavour: MysqlProgram["flavour"]): Promise<TestServer | null> {
  const found = await startContainer({ service: flavour, port: 3306 });
  return found && { url: `${flavour}://root@127.0.0.1:${found.port}/test`, stop: found.stop };
}
