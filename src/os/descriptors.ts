/**
 * The process's own descriptors: how many are open, how many may be. Every connection is one.
 */
import { readdirSync, statSync } from "node:fs";
import type { Log } from "../base/log.ts";
import { errnoName } from "./errno.ts";
import { type Libc, systemLibraries } from "./libc.ts";

const RLIMIT_NOFILE = 7;
/** Descriptors that connections leave alone: so many, or a part of the limit where it is low. */
const KEPT_MAX = 64;
const KEPT_PART = 1 / 8;

export interface DescriptorLimit {
  /** What the kernel enforces; Infinity for none. */
  readonly soft: number;
  /** Up to where the process may raise it; Infinity for none. */
  readonly hard: number;
}

/** How many descriptors are open in this process; null where `/proc` does not tell. */
export function countDescriptors(): number | null {
  try {
    // Linux 6.2 and later says how many there are; before it was 0.
    const { size } = statSync("/proc/self/fd");
    if (size > 0) return size;
    // One of them is the folder that is being read.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return null;
  }
}

/** How many are open, and how many may be; null where that is not known, or there is no limit. */
export function descriptorUse(): { readonly used: number | null; readonly limit: number | null } {
  const libraries = systemLibraries();
  const limit = "unavailable" in libraries ? null : descriptorLimit(libraries.libc);
  const soft = limit?.soft ?? Infinity;
  return { used: countDescriptors(), limit: Number.isFinite(soft) ? soft : null };
}

/** getrlimit(2); null where it fails. */
export function descriptorLimit(libc: Libc): DescriptorLimit | null {
  const limits = Buffer.alloc(16);
  if (libc.getrlimit(RLIMIT_NOFILE, limits) < 0) return null;
  return { soft: readLimit(limits, 0), hard: readLimit(limits, 8) };
}

/**
 * The lowest descriptor that is not for connections. Those from here on are kept for what serves
 * them: the links to a worker that replaces another, and files with content. Otherwise whoever
 * holds enough connections could keep the program from working on any.
 *
 * The kernel gives the lowest free number (open(2)), so a number tells how many are in use.
 */
export function connectionDescriptorsEnd(libc: Libc): number {
  const limit = descriptorLimit(libc)?.soft ?? Infinity;
  return limit - Math.min(KEPT_MAX, Math.floor(limit * KEPT_PART));
}

/**
 * How many connections there can be beside what is open now, so that none gets a descriptor that is
 * kept; Infinity where it cannot be known.
 */
export function connectionsLeft(): number {
  const libraries = systemLibraries();
  const open = countDescriptors();
  if ("unavailable" in libraries || open === null) return Infinity;
  return Math.max(1, connectionDescriptorsEnd(libraries.libc) - open);
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
