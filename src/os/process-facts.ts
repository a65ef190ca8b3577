/**
 * What the system tells of a process, by proc(5): whose child it is, what it does, what it has
 * used. Everything is null, or empty, where there is no such file system.
 */
import { readdirSync, readFileSync } from "node:fs";
import { PAGE_BYTES } from "./process-memory.ts";

export interface ProcessFacts {
  /** The program's name; the first 15 bytes of it. */
  readonly name: string;
  /** R, S, D, T, Z, ... */
  readonly state: string;
  readonly ppid: number;
  /** User and system time of all its threads. */
  readonly cpuMs: number;
  /** The same of those of its children that it has waited for, and of theirs. */
  readonly childrenCpuMs: number;
  /** When it was started, by a clock of the system's own. */
  readonly startedMs: number;
  /** The resident set, shared pages included; 0 for a zombie. */
  readonly rssBytes: number;
}

/** Of a tick in which proc(5) counts, on every architecture that Node runs on (USER_HZ). */
const TICK_MS = 10;
/** Threads of a process that are asked for their children. */
const THREADS_MAX = 64;
/** Behind the name, which is in parentheses and may hold anything: positions from the state on. */
const AT = {
  state: 0,
  ppid: 1,
  userTime: 11,
  systemTime: 12,
  childrenUserTime: 13,
  childrenSystemTime: 14,
  started: 19,
  pages: 21,
} as const;

/** Costs one read. @returns null where there is no such process, or the system does not tell */
export function processFacts(pid: number): ProcessFacts | null {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return null;
  }
}

/** @returns null where that is no line of proc(5)'s stat */
export function parseStat(line: string): ProcessFacts | null {
  const nameEnd = line.lastIndexOf(")");
  const fields = line.slice(nameEnd + 2).split(" ");
  const number = (at: number): number => Number(fields[at]);
  if (nameEnd < 0 || fields.length <= AT.pages) return null;
  return {
    name: line.slice(line.indexOf("(") + 1, nameEnd),
    state: fields[AT.state] ?? "",
    ppid: number(AT.ppid),
    cpuMs: (number(AT.userTime) + number(AT.systemTime)) * TICK_MS,
    childrenCpuMs: (number(AT.childrenUserTime) + number(AT.childrenSystemTime)) * TICK_MS,
    startedMs: number(AT.started) * TICK_MS,
    rssBytes: number(AT.pages) * PAGE_BYTES,
  };
}

/**
 * Whether a process has a handler for a signal, which may else end it.
 *
 * @returns null where there is no such process, or the system does not tell
 */
export function catchesSignal(pid: number, signal: number): boolean | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const [, mask] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status) ?? [];
    return mask === undefined ? null : ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
  } catch {
    return null;
  }
}

/**
 * PIDs of a process's children, zombies among them. A child belongs to the thread that has forked
 * it.
 *
 * @bound the first 64 threads
 */
export function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`).slice(0, THREADS_MAX);
    return threads.flatMap((thread) => childrenOfThread(pid, thread));
  } catch {
    return [];
  }
}

function childrenOfThread(pid: number, thread: string): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1");
    return text.split(" ").flatMap((number) => (number === "" ? [] : [Number(number)]));
  } catch {
    return [];
  }
}
