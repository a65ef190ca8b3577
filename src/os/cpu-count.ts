/**
 * How many CPUs this process may use: by affinity (sched_setaffinity, cpusets) and by the CPU quota
 * of its control groups, version 1 and 2. Reads files through an argument, so that tests can be
 * given any machine.
 */
import { readFileSync } from "node:fs";
import os from "node:os";

/** The file's text, or null where it cannot be read. */
export type ReadFile = (path: string) => string | null;

export interface WorkerCount {
  readonly workers: number;
  /** Why that many, for a person: `4 CPUs, of which the control group's quota allows 2.5`. */
  readonly reason: string;
}

/** Bound of what is chosen automatically, the same as the option's own. */
const WORKERS_AUTO_MAX = 512;
const CGROUP_ROOT = "/sys/fs/cgroup";
/** Bound of the walk from a control group up to the root. */
const CGROUP_DEPTH_MAX = 64;

/** One worker for each CPU that can be used at the same time, at least one. */
export function workersForCpus(readFile: ReadFile = readSystemFile): WorkerCount {
  const cpus = cpusByAffinity(readFile) ?? os.availableParallelism();
  const quota = cpusByQuota(readFile);
  const text = `${cpus} CPU${cpus === 1 ? "" : "s"}`;
  if (quota === null || quota >= cpus) {
    return { workers: Math.min(cpus, WORKERS_AUTO_MAX), reason: `one for each of ${text}` };
  }
  // Rounded down: the gateway needs its share of the quota too.
  const workers = Math.min(Math.max(1, Math.floor(quota)), WORKERS_AUTO_MAX);
  const allowed = Number(quota.toFixed(2));
  return { workers, reason: `${text}, of which the control group's quota allows ${allowed}` };
}

function readSystemFile(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** CPUs in this process's affinity mask, proc_pid_status(5); null where that is not told. */
export function cpusByAffinity(readFile: ReadFile): number | null {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFile("/proc/self/status") ?? "")?.[1];
  if (list === undefined) return null;
  let count = 0;
  for (const range of list.split(",")) {
    const [first = NaN, last = first] = range.split("-").map(Number);
    count += last - first + 1;
  }
  return Number.isSafeInteger(count) && count > 0 ? count : null;
}

/**
 * CPUs' worth of time that the tightest control group above this process allows, cgroups(7); null
 * for no bound.
 */
export function cpusByQuota(readFile: ReadFile): number | null {
  let tightest: number | null = null;
  for (const line of (readFile("/proc/self/cgroup") ?? "").split("\n")) {
    const [, hierarchy, controllers, group] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (hierarchy === undefined || controllers === undefined || group === undefined) continue;
    const unified = hierarchy === "0" && controllers === "";
    if (!unified && !controllers.split(",").includes("cpu")) continue;
    const roots = unified ? [CGROUP_ROOT] : [`${CGROUP_ROOT}/${controllers}`, `${CGROUP_ROOT}/cpu`];
    const readQuota = unified ? quotaOfVersion2 : quotaOfVersion1;
    for (const root of roots) {
      for (const folder of foldersUpwards(root, group)) {
        const quota = readQuota(readFile, folder);
        if (quota !== null && (tightest === null || quota < tightest)) tightest = quota;
      }
    }
  }
  return tightest;
}

/**
 * The group's folder and all above it. Inside a container the path may be the host's and not be
 * visible here; the root, which is then the container's own group, is in the list all the same.
 */
function foldersUpwards(root: string, group: string): string[] {
  const names = group.split("/").filter((name) => name !== "" && name !== "..");
  const folders = [root];
  for (const name of names.slice(0, CGROUP_DEPTH_MAX)) folders.push(`${folders.at(-1)}/${name}`);
  return folders;
}

/** `cpu.max`: `QUOTA PERIOD`, both in µs, or `max PERIOD`. */
function quotaOfVersion2(readFile: ReadFile, folder: string): number | null {
  const [quota, period] = (readFile(`${folder}/cpu.max`) ?? "").trim().split(" ");
  return ratio(quota, period);
}

/** `cpu.cfs_quota_us`, -1 for none, and `cpu.cfs_period_us`. */
function quotaOfVersion1(readFile: ReadFile, folder: string): number | null {
  const quota = readFile(`${folder}/cpu.cfs_quota_us`)?.trim();
  const period = readFile(`${folder}/cpu.cfs_period_us`)?.trim();
  return ratio(quota, period);
}

function ratio(quota: string | undefined, period: string | undefined): number | null {
  const cpus = Number(quota) / Number(period);
  return Number.isFinite(cpus) && cpus > 0 ? cpus : null;
}
