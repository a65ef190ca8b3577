/**
 * Temporary files for contents that do not stay in memory. Each belongs to one owner, and is gone
 * when that closes it.
 */
import { randomBytes } from "node:crypto";
import { openSync, unlinkSync } from "node:fs";
import path from "node:path";

/** A new, empty file, readable by its owner alone. */
export interface TemporaryFile {
  readonly descriptor: number;
  readonly path: string;
}

/**
 * @throws {Error} ENOENT, EACCES, EMFILE, ENOSPC, ...
 */
export function openNamedFile(folder: string): TemporaryFile {
  const name = path.join(folder, `portico-${randomBytes(12).toString("hex")}`);
  return { descriptor: openSync(name, "wx+", 0o600), path: name };
}

/**
 * A file that has lost its name at once: nothing is left behind, however the gateway ends.
 *
 * @returns its descriptor
 * @throws {Error} as {@link openNamedFile}
 */
export function openNamelessFile(folder: string): number {
  const file = openNamedFile(folder);
  unlinkSync(file.path);
  return file.descriptor;
}
