/**
 * Loaded before the tests by `scripts/test`: has Node.js keep the modules that it has compiled, as
 * `src/cli/start.js` does. Each file of tests is a process of its own, which loads much the same.
 */
import { enableCompileCache } from "node:module";
import path from "node:path";

enableCompileCache(path.join(import.meta.dirname, "..", ".compile-cache"));
