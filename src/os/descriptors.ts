/**
 * The process's own descriptors: how many are open, how many may be. Every connection is one.
 */
import { readdirSync } from "node:fs";
import type { Log } from "../base/log.ts";
import { errnoName } from "./errno.ts";
import { type Libc, systemLibraries } from "./libc.ts";

const RLIMIT_NOFILE = 7;

export interface DescriptorLimit {
  /** What the kernel enforces; Infinity for none. */
  readonly soft: number;
  /** Up to where the process may raise it; Infinity for none. */
  readonly hard: number;
}

/** How many descriptors are open in this process; null where `/proc` does not tell. */
export function countDescriptors(): number | null {
  try {
    // One of them is the folder that is being read.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return null;
  }
}

/** getrlimit(2); null where it fails. */
export function descriptorLimit(libc: Libc): DescriptorLimit | null {
  const limits = Buffer.alloc(16);
  if (libc.getrlimit(RLIMIT_NOFILE, limits) < 0) return null;
  return { soft: readLimit(limits, 0), hard: readLimit(limits, 8) };
}

/**
 * Raises the soft limit to the hard one, for this process and its children. Node does the same for
 * itself at its start, up to a bound; where that was not enough, or a service manager set the limit
 * later, this is.
 *
 * @returns the limit in force; null where it cannot be known
 */
export function raiseDescriptorLimit(log: Log): number | null {
  const libraries = systemLibraries();
  if ("unavailable" in libraries) return null;
  const { libc } = libraries;
  const limits = Buffer.alloc(16);
  if (libc.getrlimit(RLIMIT_NOFILE, limits) < 0) return null;
  const soft = readLimit(limits, 0);
  const hard = readLimit(limits, 8);
  if (soft === hard) return soft;
  limits.copy(limits, 0, 8, 16);
  if (libc.setrlimit(RLIMIT_NOFILE, limits) < 0) {
    log.warn("the limit of open descriptors could not be raised", {
      cause: errnoName(libc.errno()),
      limit: soft,
    });
    return soft;
  }
  return hard;
}

function readLimit(limits: Buffer, at: number): number {
  const value = limits.readBigUInt64LE(at);
  return value === 0xffff_ffff_ffff_ffffn ? Infinity : Number(value);
}
