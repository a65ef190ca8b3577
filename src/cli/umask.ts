/**
 * `--umask`: what this process, and those that it starts, take away from the modes of new files.
 */
import type { Options } from "../options/registry.ts";

/** Before the first file is made, a log's among them. */
export function takeUmask(options: Options): void {
  if (options.umask === null) return;
  process.umask(Number.parseInt(options.umask.replace("o", ""), 8));
}
