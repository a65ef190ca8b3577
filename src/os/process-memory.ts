/**
 * How much memory a process has, as proc(5) tells.
 */
import { readFileSync } from "node:fs";

/** statm counts pages. The size is the machine's; where it is another, the figure is a guess. */
export const PAGE_BYTES = 4096;

/** The resident set, shared pages included. @returns null where the system does not tell */
export function residentBytes(pid: number): number | null {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
    return Number.isSafeInteger(pages) ? pages * PAGE_BYTES : null;
  } catch {
    return null;
  }
}
