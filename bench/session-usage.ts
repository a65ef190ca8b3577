/**
 * What the processes of one server have used, by proc(5): CPU time and memory, of all of them
 * together.
 *
 * A server's processes are those of the session that it was started in, and whatever descends
 * from its first process. Work that a server pushes to another process counts in this way; Linux
 * only.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface SessionUsage {
  /**
   * User and system time of the processes that live, and of their children that ended and were
   * reaped.
   */
  readonly cpuSeconds: number;
  readonly pids: readonly number[];
}

interface ProcessTimes {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
  readonly cpuTicks: number;
}

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Each look takes milliseconds, on a CPU that the load could use. */
const PEAK_INTERVAL_MS = 200;

/** @param leader  PID of the process that called setsid(2) */
export function sessionUsage(leader: number): SessionUsage {
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? readTimes(name) : []));
  const ours = new Set(all.filter(({ session }) => session === leader).map(({ pid }) => pid));
  for (let before = -1; before !== ours.size;) {
    before = ours.size;
    for (const { pid, parent } of all) if (ours.has(parent)) ours.add(pid);
  }
  const ticks = all.reduce((sum, { pid, cpuTicks }) => sum + (ours.has(pid) ? cpuTicks : 0), 0);
  return { cpuSeconds: ticks / TICKS_PER_SECOND, pids: [...ours] };
}

/**
 * The largest proportional set size of a session, looked at every so often until disposed of: a
 * peak that is shorter may be missed.
 */
export class PeakMemory implements Disposable {
  readonly #leader: number;
  readonly #timer: NodeJS.Timeout;
  #peakMib = 0;

  constructor(leader: number) {
    this.#leader = leader;
    this.#timer = setInterval(() => this.#look(), PEAK_INTERVAL_MS);
  }

  /** @returns MiB, up to now */
  peakMib(): number {
    this.#look();
    return this.#peakMib;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const size = proportionalSetMib(sessionUsage(this.#leader).pids);
    this.#peakMib = Math.max(this.#peakMib, size);
  }
}

/** Proportional set size of the processes, in MiB: memory that several share is counted once. */
export function proportionalSetMib(pids: readonly number[]): number {
  const kibibytes = pids.map((pid) => {
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
      return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
    } catch {
      return 0;
    }
  });
  return kibibytes.reduce((sum, size) => sum + size, 0) / 1024;
}

function readTimes(name: string): ProcessTimes[] {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, "latin1");
    // The program's name stands in parentheses and may hold anything, so read behind the last one.
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [, parent = 0, , session = 0] = fields;
    const cpuTicks = fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0);
    return [{ pid: Number(name), parent, session, cpuTicks }];
  } catch {
    // It ended while we were looking.
    return [];
  }
}
