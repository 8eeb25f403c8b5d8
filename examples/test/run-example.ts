import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { aiSdkFlags } from "../../scripts/ai-sdk.ts";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs an example's program as `npm start` would, with these settings beside those of the test run, and these arguments. */
export function runExample(
  folder: string,
  settings: NodeJS.ProcessEnv,
  values: readonly string[] = [],
): Promise<Outcome> {
  const cwd = fileURLToPath(new URL(`../${folder}`, import.meta.url));
  const flags = ["--conditions=@sessiondb/source", "--import=tsx", ...aiSdkFlags, "src/main.ts", ...values];
  return new Promise((resolve) => {
    const env = { ...process.env, DATABASE_URL: undefined, NODE_OPTIONS: undefined, ...settings };
    const child = execFile(process.execPath, flags, { cwd, env, timeout: 60_000 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}
