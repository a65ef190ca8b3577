import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cpusByAffinity, cpusByQuota, workersForCpus } from "../../src/os/cpu-count.ts";

type Tree = Readonly<Record<string, string>>;

function reader(tree: Tree): (path: string) => string | null {
  return (path) => tree[path] ?? null;
}

function affinity(list: string): Tree {
  return {
    "/proc/self/status": `Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${list}\nMems:\t0\n`,
  };
}

describe("cpusByAffinity", () => {
  const lists: readonly (readonly [string, number])[] = [
    ["0", 1],
    ["0-7", 8],
    ["0,2,4-5", 4],
    ["0-3,128-131", 8],
  ];
  for (const [list, cpus] of lists) {
    it(`counts ${list}`, () => assert.equal(cpusByAffinity(reader(affinity(list))), cpus));
  }

  it("says nothing where the system does not", () => {
    assert.equal(cpusByAffinity(reader({})), null);
    assert.equal(cpusByAffinity(reader(affinity("what"))), null);
  });
});

describe("cpusByQuota", () => {
  const trees: readonly (readonly [string, Tree, number | null])[] = [
    ["no control groups", {}, null],
    [
      "version 2 without a bound",
      { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n" },
      null,
    ],
    [
      "version 2 in a container",
      { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "250000 100000\n" },
      2.5,
    ],
    [
      "version 2, the tightest of all groups above",
      {
        "/proc/self/cgroup": "0::/a.slice/b.service\n",
        "/sys/fs/cgroup/a.slice/cpu.max": "150000 100000\n",
        "/sys/fs/cgroup/a.slice/b.service/cpu.max": "400000 100000\n",
      },
      1.5,
    ],
    [
      "version 2, a path of the host's that is not visible here",
      { "/proc/self/cgroup": "0::/../../host/pod\n", "/sys/fs/cgroup/cpu.max": "50000 100000\n" },
      0.5,
    ],
    [
      "version 1",
      {
        "/proc/self/cgroup": "4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n",
        "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us": "300000\n",
        "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000\n",
      },
      3,
    ],
    [
      "version 1 without a bound, mounted as cpu",
      {
        "/proc/self/cgroup": "3:cpu:/\n0::/\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
      },
      null,
    ],
    [
      "cpuset is not cpu",
      { "/proc/self/cgroup": "3:cpuset:/\n", "/sys/fs/cgroup/cpuset/cpu.cfs_quota_us": "1" },
      null,
    ],
  ];
  for (const [name, tree, cpus] of trees) {
    it(name, () => assert.equal(cpusByQuota(reader(tree)), cpus));
  }
});

describe("workersForCpus", () => {
  function count(list: string, max: string): ReturnType<typeof workersForCpus> {
    const tree = {
      ...affinity(list),
      "/proc/self/cgroup": "0::/\n",
      "/sys/fs/cgroup/cpu.max": max,
    };
    return workersForCpus(reader(tree));
  }

  it("is one for each CPU, and says so", () => {
    assert.deepEqual(count("0-3", "max 100000"), { workers: 4, reason: "one for each of 4 CPUs" });
    assert.deepEqual(count("3", "max 100000"), { workers: 1, reason: "one for each of 1 CPU" });
  });

  it("stays within the quota, but is never zero", () => {
    const reason = "8 CPUs, of which the control group's quota allows 2.5";
    assert.deepEqual(count("0-7", "250000 100000"), { workers: 2, reason });
    assert.equal(count("0-7", "20000 100000").workers, 1);
    assert.equal(count("0-7", "1600000 100000").workers, 8);
  });

  it("has a bound", () => assert.equal(count("0-1023", "max 1").workers, 512));

  it("finds something on this machine", () => {
    const { workers, reason } = workersForCpus();
    assert.ok(workers >= 1 && reason.length > 0);
  });
});
