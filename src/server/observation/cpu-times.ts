/**
 * CPU time of a gateway's processes, by their kind, as counters that do not fall when one of them
 * ends.
 *
 * Nobody writes down what a process had used when it ended: the kernel does, for whoever has waited
 * for it. So what workers have used is the time of those that run and the time of those that their
 * zygote has waited for; with a zygote that ends it passes on to the gateway. Only what was
 * waited for by nobody of ours (workers whose zygote was killed) is lost, from the last reading on.
 */
import { type ProcessFacts, processFacts } from "../../os/process-facts.ts";
import type { GatewayStatus } from "../gateway-status.ts";
import type { CpuTime } from "./metrics-source.ts";

/** How processes are looked at; tests bring their own. */
export interface CpuTimeSource {
  facts(pid: number): ProcessFacts | null;
  /** Of the gateway itself. */
  ownMs(): number;
}

const SYSTEM: CpuTimeSource = { facts: processFacts, ownMs: ownCpuMs };

/** CPU time of this process alone, user and system. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Where one process after another ends while they are looked at, it is left at that. */
const LOOKS_MAX = 4;

/** All processes below the gateway, at one moment. */
interface Look {
  /** Of zygotes, of workers, and of what these have started and waited for. */
  readonly totalMs: number;
  /** A zygote's own time, by its PID and start. */
  readonly zygotesMs: ReadonlyMap<string, number>;
  /** Workers that are known, and have been waited for meanwhile. */
  readonly missing: number;
}

export class CpuTimes {
  readonly #source: CpuTimeSource;
  #before: Look | null;
  #zygotesMs = 0;
  #workersMs = 0;

  /** @param pid of the gateway, which has started no zygote yet */
  constructor(pid: number = process.pid, source: CpuTimeSource = SYSTEM) {
    this.#source = source;
    this.#before = this.#look({ pid, generations: [] });
  }

  read(status: Pick<GatewayStatus, "pid" | "generations">): CpuTime {
    const gateway = this.#source.ownMs();
    const look = this.#consistentLook(status);
    if (look === null || this.#before === null) return { gateway, zygotes: null, workers: null };
    let zygotesMs = 0;
    for (const [key, usedMs] of look.zygotesMs) {
      zygotesMs += usedMs - (this.#before.zygotesMs.get(key) ?? 0);
    }
    const totalMs = look.totalMs - this.#before.totalMs;
    this.#before = look;
    this.#zygotesMs += zygotesMs;
    this.#workersMs += Math.max(0, totalMs - zygotesMs);
    return { gateway, zygotes: this.#zygotesMs, workers: this.#workersMs };
  }

  /**
   * Who waits for others is looked at before these. If one of these is gone by then, its time was
   * in neither; it is with who has waited for it when all are looked at again.
   */
  #consistentLook(status: Pick<GatewayStatus, "pid" | "generations">): Look | null {
    let missing = 0;
    for (let round = 1; ; round++) {
      const look = this.#look(status);
      if (look === null || look.missing === missing || round === LOOKS_MAX) return look;
      ({ missing } = look);
    }
  }

  #look({ pid, generations }: Pick<GatewayStatus, "pid" | "generations">): Look | null {
    const gateway = this.#source.facts(pid);
    if (gateway === null) return null;
    let totalMs = gateway.childrenCpuMs;
    let missing = 0;
    const zygotesMs = new Map<string, number>();
    for (const { zygotePid, workers } of generations) {
      const zygote = zygotePid === null ? null : this.#child(zygotePid, pid);
      if (zygote === null) continue;
      zygotesMs.set(`${zygotePid} ${zygote.startedMs}`, zygote.cpuMs);
      totalMs += zygote.cpuMs + zygote.childrenCpuMs;
      for (const { pid: workerPid } of workers) {
        if (workerPid === null) continue;
        const worker = this.#child(workerPid, zygotePid);
        if (worker === null) missing++;
        else totalMs += worker.cpuMs + worker.childrenCpuMs;
      }
    }
    return { totalMs, zygotesMs, missing };
  }

  /** A process that has the number of one that is gone is no child of the same parent. */
  #child(pid: number, parentPid: number | null): ProcessFacts | null {
    const facts = this.#source.facts(pid);
    return facts?.ppid === parentPid ? facts : null;
  }
}
