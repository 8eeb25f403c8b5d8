import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The releases of Agno that the tests drive: the newest, the last of the line before, and the first of this line. */
export const pinned = { newest: "3.1.10", two: "2.9.0", first: "3.0.0" } as const;

/** What Agno's stores need for the databases that are tested, and its HTTP service. */
const libraries = [
  "sqlalchemy[asyncio]",
  "aiosqlite",
  "psycopg[binary]",
  "pymysql",
  "cryptography",
  "fastapi",
  "httpx",
  "python-multipart",
];

/** Agno needs a Python of at least this version. */
const oldest = [3, 10] as const;

const names = ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"];

/**
 * A Python with a release of Agno, in a virtual environment that is kept between runs.
 *
 * @returns the path of that Python.
 * @throws Error which says in one line what is missing.
 */
export async function pythonWithAgno(version: string): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "sessiondb-test-servers");
  const given = createHash("sha256").update(libraries.join(" ")).digest("hex").slice(0, 8);
  const ready = join(cache, `agno-${version}-${given}`);
  if (!existsSync(ready)) {
    const making = `${ready}.${process.pid}`;
    mkdirSync(cache, { recursive: true });
    try {
      await succeed(await systemPython(), ["-m", "venv", making]);
      await succeed(pythonOf(making), ["-m", "pip", "install", "--quiet", `agno==${version}`, ...libraries]);
    } catch (error) {
      rmSync(making, { recursive: true, force: true });
      throw error;
    }
    try {
      // Its programs name the folder they were made in, but Python itself, which is all that is run here, does not.
      renameSync(making, ready);
    } catch {
      // Another test run was first.
      rmSync(making, { recursive: true, force: true });
    }
  }
  return pythonOf(ready);
}

function pythonOf(environment: string): string {
  return process.platform === "win32" ? join(environment, "Scripts", "python.exe") : join(environment, "bin", "python");
}

async function systemPython(): Promise<string> {
  for (const name of names) {
    const { stdout } = await run(name, ["-c", "import sys; print(*sys.version_info[:2])"]);
    const [major = 0, minor = 0] = stdout.split(" ").map(Number);
    if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) {
      return name;
    }
  }
  throw new Error(`there is no Python ${oldest.join(".")} or newer`);
}

async function succeed(file: string, args: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await run(file, args);
  if (status !== 0) {
    const last = `${stdout}${stderr}`.trim().split("\n").at(-1) ?? "";
    throw new Error(`${["python", ...args.slice(0, 3)].join(" ")} failed: ${last}`);
  }
}

async function run(
  file: string,
  args: readonly string[],
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(file, [...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  try {
    const [status] = (await once(child, "close")) as [number | null];
    return { status, stdout, stderr };
  } catch (error) {
    return { status: null, stdout, stderr: error instanceof Error ? error.message : "" };
  }
}
