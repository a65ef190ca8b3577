/** Who is whose child, by proc(5); nobody is, on systems without it. */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessStatus {
  /** `Z` for a zombie. */
  readonly state: string;
  readonly parent: number;
}

/** null where there is no such process. */
export function statusOf(pid: number): ProcessStatus | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /, "")
      .split(" ");
    return { state: fields[0] ?? "", parent: Number(fields[1]) };
  } catch {
    return null;
  }
}

/** Children of `pid`, zombies included. */
export function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => statusOf(candidate)?.parent === pid);
}
