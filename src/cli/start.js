/**
 * Where the program begins: has Node.js keep what it makes of our modules, types taken out and
 * compiled, so that every start after the first takes a third of the time; then `main.ts`.
 *
 * The cache lies in the program's own folder: in one that others can write to, it would be code of
 * theirs. Where that folder cannot be written, as in an image, there is none. What Node.js finds
 * there belongs to the very content of a module, so it is never out of date.
 *
 * JavaScript, alone in this: to take the types out of a first file, before there is a cache, Node.js
 * loads a compiler, and that takes longer than all of our modules.
 */
import { enableCompileCache } from "node:module";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "..", "..");

enableCompileCache(path.join(ROOT, ".compile-cache"));
await import("./main.ts");
