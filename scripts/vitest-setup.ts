// Runs before every test file: a test that writes to the console fails.
import { afterAll, afterEach, vi } from "vitest";

// Files share a process, and so the packages from node_modules; the modules of this repository are each file's own.
vi.resetModules();

const methods = ["debug", "error", "info", "log", "trace", "warn"] as const;
const logged: string[] = [];

for (const method of methods) {
  console[method] = (...values: unknown[]) => {
    logged.push(`console.${method}(${values.map(String).join(", ")})`);
  };
}

function failIfLogged(): void {
  if (logged.length > 0) {
    throw new Error(`Tests must not log. Logged:\n  ${logged.splice(0).join("\n  ")}`);
  }
}
afterEach(failIfLogged);
afterAll(failIfLogged);
