import { dirname } from "node:path";

// Next itself is installed one folder up.
const root = dirname(import.meta.dirname);

export default { output: "standalone", outputFileTracingRoot: root, turbopack: { root } };
