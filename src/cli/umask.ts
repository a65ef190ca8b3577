/**
 * `--umask`: what this process, and those that it starts, take away from the modes of new files.
 */
import type { Options } from "../options/registry.ts";

/** Before the first file is made, a log's among them. */
export function takeUmask({ umask }: Options): void {
  if (umask !== null) process.umask(Number.parseInt(umask.replace("o", ""), 8));
}
