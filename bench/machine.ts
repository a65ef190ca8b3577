/**
 * The machine that a run is on: what figures depend on besides the servers, and how busy it is.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { PROJECT_FOLDER } from "./servers.ts";

export type Machine = Readonly<
  Record<"cpu" | "memory" | "kernel" | "load" | "node" | "commit", string>
>;

/** What the figures depend on, besides the servers. */
export function describeMachine(): Machine {
  const cpus = os.cpus();
  return {
    cpu: `${cpus.length} x ${cpus[0]?.model ?? "unknown"}`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    kernel: `${os.type()} ${os.release()} ${os.machine()}`,
    load: os
      .loadavg()
      .map((load) => load.toFixed(2))
      .join(" "),
    node: process.version,
    commit: commit(),
  };
}

/** Load of the last minute, for each CPU. */
export function loadPerCpu(): number {
  return (os.loadavg()[0] ?? 0) / os.availableParallelism();
}

/** The commit that is measured, marked where files differ from it. */
function commit(): string {
  try {
    const args = ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"];
    return execFileSync("git", args, { cwd: PROJECT_FOLDER, encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}

export interface CpuTicks {
  readonly idle: number;
  readonly all: number;
}

/** Of all CPUs together since the machine began (proc(5)). */
export function cpuTicks(): CpuTicks {
  const [line = ""] = readFileSync("/proc/stat", "latin1").split("\n", 1);
  // user nice system idle iowait irq softirq steal; guests are in user already.
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const [, , , idle = 0, ioWait = 0] = ticks;
  return { idle: idle + ioWait, all: ticks.reduce((sum, count) => sum + count, 0) };
}

/** How much of the CPUs' time was used between two looks, by whomever. */
export function busyPercent(before: CpuTicks, after: CpuTicks): number {
  const all = after.all - before.all;
  return all === 0 ? 0 : 100 * (1 - (after.idle - before.idle) / all);
}
