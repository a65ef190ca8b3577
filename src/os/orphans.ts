/**
 * Reaps processes that lost their parents and were given to this one by the kernel, as they are to
 * the first process of a container (PID 1) and to a "child subreaper" (prctl(2)).
 *
 * Node waits for each child of its own by PID, and never for any other: a zombie that is nobody's
 * would stay. But a status that we took from Node's child would be lost to Node. So only what has
 * been a zombie at two looks in a row is reaped: Node reaps a child of its own before the loop
 * turns once, and between two looks it turns.
 */
import { existsSync, readdirSync } from "node:fs";
import { type Libc, systemLibraries } from "./libc.ts";
import { childrenOf, processFacts } from "./process-facts.ts";

/** What this needs of a system; a test brings its own. */
export interface ProcessTable {
  /** PIDs of all children of this process, those that have ended included. */
  children(): number[];
  /** Something that no other process with this PID has; null where it is running or gone. */
  zombieMark(pid: number): string | null;
  /** waitpid(2) with WNOHANG; the status is nobody's business. */
  reap(pid: number): void;
}

/** How often it is looked. */
const LOOK_INTERVAL_MS = 1_000;
const WNOHANG = 1;
const PR_GET_CHILD_SUBREAPER = 37;

export class OrphanReaper {
  readonly #table: ProcessTable;
  /** Zombies of the last look, with their marks. */
  #zombies = new Map<number, string>();
  #lookDueAtMs = -Infinity;

  constructor(table: ProcessTable) {
    this.#table = table;
  }

  /** Called several times a second, from the event loop. */
  sweep(nowMs: number): void {
    if (nowMs < this.#lookDueAtMs) return;
    this.#lookDueAtMs = nowMs + LOOK_INTERVAL_MS;
    const zombies = new Map<number, string>();
    for (const pid of this.#table.children()) {
      const mark = this.#table.zombieMark(pid);
      if (mark === null) continue;
      if (this.#zombies.get(pid) === mark) this.#table.reap(pid);
      else zombies.set(pid, mark);
    }
    this.#zombies = zombies;
  }
}

/** @returns null where orphans do not come to this process, or it cannot reap them */
export function openOrphanReaper(): OrphanReaper | null {
  const libraries = systemLibraries();
  if ("unavailable" in libraries) return null;
  const { libc } = libraries;
  if (process.pid !== 1 && !isSubreaper(libc)) return null;
  return new OrphanReaper({
    children: childrenOfThisProcess,
    zombieMark,
    reap: (pid) => void libc.waitpid(pid, null, WNOHANG),
  });
}

function isSubreaper(libc: Libc): boolean {
  const answer = new Int32Array(new ArrayBuffer(4));
  return libc.prctl(PR_GET_CHILD_SUBREAPER, answer) === 0 && answer[0] !== 0;
}

/** By the kernel's list of each thread's children, or where it has none, by everybody's parent. */
function childrenOfThisProcess(): number[] {
  const { pid: own } = process;
  if (existsSync(`/proc/${own}/task/${own}/children`)) return childrenOf(own);
  return readProcessList().filter((pid) => processFacts(pid)?.ppid === own);
}

function readProcessList(): number[] {
  try {
    return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
}

/** When it was started. */
function zombieMark(pid: number): string | null {
  const facts = processFacts(pid);
  return facts?.state === "Z" ? String(facts.startedMs) : null;
}
