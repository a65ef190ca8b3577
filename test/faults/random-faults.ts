/**
 * What can be done to a site at any moment, by the dice. Each fault says what it may cost the load:
 * how many of its requests may get which status instead of their answer. Nothing may ever go
 * without an answer.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { get, post } from "../end-to-end/exercise.ts";
import { RawClient, rawRequest } from "../end-to-end/raw-client.ts";
import type { Dice } from "../fuzz/dice.ts";
import type { FaultSite } from "./fault-site.ts";
import { brokenCodes, shopCode } from "./shop-code.ts";

/** What a fault knows of the round that it is part of. */
export interface RoundFacts {
  readonly site: FaultSite;
  readonly dice: Dice;
  /** Requests that one worker may have under way. */
  readonly threads: number;
  readonly timeoutMs: number;
  /** The next version of the code; none is used twice. */
  readonly nextVersion: () => string;
}

/** Statuses that requests of the load may get beside 200, each with how often at most. */
export type Costs = Readonly<Record<number, number>>;

export interface RandomFault {
  readonly name: string;
  run(facts: RoundFacts): Promise<Costs>;
}

/** How much later than `--timeout` a 504 may come, on a machine that does other things too. */
const SLACK_MS = 3_000;
const SIGNALS = ["SIGKILL", "SIGSEGV", "SIGABRT"] as const;
const DEATHS = ["kill", "segv", "abort", "exit", "exit-3", "thread-exit", "close-all"] as const;
const HANGS = ["sleep", "deadlock", "loop", "sleep-in-c", "stopped", "signals-ignored"] as const;
const RELOADS_IN_STORM = 10;
const ALL = Number.MAX_SAFE_INTEGER;

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}

/** All of their requests may have begun, and a GET that is killed twice is given up. */
function costOfKilling(workers: number, threads: number): Costs {
  return { 502: workers * threads };
}

const killOne: RandomFault = {
  name: "kill a worker",
  async run({ site, dice, threads }) {
    const workers = site.workers();
    if (workers.length > 0) send(dice.pick(workers), dice.pick(SIGNALS));
    return costOfKilling(1, threads);
  },
};

const killAll: RandomFault = {
  name: "kill all workers",
  async run({ site, threads }) {
    const workers = site.workers();
    for (const pid of workers) send(pid, "SIGKILL");
    return costOfKilling(workers.length, threads);
  },
};

const killZygote: RandomFault = {
  name: "kill a zygote",
  async run({ site, dice, threads }) {
    const zygotes = site.zygotes();
    const count = site.workers().length;
    if (zygotes.length > 0) send(dice.pick(zygotes), "SIGKILL");
    return costOfKilling(count, threads);
  },
};

const stopWorker: RandomFault = {
  name: "stop a worker for a moment",
  async run({ site, dice, timeoutMs }) {
    const workers = site.workers();
    if (workers.length === 0) return {};
    const pid = dice.pick(workers);
    send(pid, "SIGSTOP");
    await pause(dice.between(10, timeoutMs / 3));
    send(pid, "SIGCONT");
    return {};
  },
};

const stopZygote: RandomFault = {
  name: "stop a zygote for a moment",
  async run({ site, dice }) {
    const zygotes = site.zygotes();
    if (zygotes.length === 0) return {};
    const pid = dice.pick(zygotes);
    send(pid, "SIGSTOP");
    await pause(dice.between(10, 1_000));
    send(pid, "SIGCONT");
    return {};
  },
};

const suspendGateway: RandomFault = {
  name: "suspend the gateway for a moment",
  async run({ site, dice, timeoutMs }) {
    const pid = dice.pick([site.pid, ...site.gateways()]);
    send(pid, "SIGSTOP");
    await pause(dice.between(10, timeoutMs * 1.5));
    send(pid, "SIGCONT");
    return {};
  },
};

/** The only one that takes requests along for which nobody can answer. */
export const killGateway: RandomFault = {
  name: "kill one of several gateways",
  async run({ site, dice }) {
    const gateways = site.gateways();
    if (gateways.length > 1) send(dice.pick(gateways), "SIGKILL");
    return {};
  },
};

const dieByRequest: RandomFault = {
  name: "a request that kills its worker",
  async run({ site, dice, threads }) {
    const way = dice.pick(DEATHS);
    const isPost = dice.chance(0.5);
    const request = isPost ? post(`/die/${way}`, `die-${way}`) : get(`/die/${way}`);
    const { status } = await rawRequest(site.port, request);
    assert.equal(status, 502, `${way}: ${status}`);
    return costOfKilling(isPost ? 1 : 2, threads);
  },
};

const hang: RandomFault = {
  name: "a view that hangs",
  async run({ site, dice, threads, timeoutMs }) {
    const way = dice.pick(HANGS);
    const { port } = site;
    const beganAtMs = performance.now();
    const { status } = await rawRequest(port, get(`/hang/${way}`));
    // 502 where another fault killed its worker, twice.
    assert.ok(status === 504 || status === 502, `${way}: ${status}`);
    const tookMs = performance.now() - beganAtMs;
    assert.ok(tookMs < 3 * timeoutMs + SLACK_MS, `${way}: ${tookMs} ms`);
    // Other threads of that worker can hang with it.
    return { 504: threads - 1, 502: threads - 1 };
  },
};

const deploy: RandomFault = {
  name: "a deploy",
  async run({ site, dice, nextVersion }) {
    site.edit(shopCode(nextVersion(), { importS: dice.pick([0, 0, 0.3, 1]) }));
    site.server.signal("SIGHUP");
    return {};
  },
};

const deployStorm: RandomFault = {
  name: "a storm of deploys",
  async run({ site, dice, nextVersion }) {
    for (let count = 0; count < RELOADS_IN_STORM; count++) {
      site.edit(shopCode(nextVersion()));
      site.server.signal("SIGHUP");
      await pause(dice.between(0, 80));
    }
    return {};
  },
};

const brokenDeploy: RandomFault = {
  name: "a deploy of code that does not load",
  async run({ site, dice, nextVersion }) {
    const { code } = dice.pick(brokenCodes("666").slice(0, 8));
    site.edit(code);
    site.server.signal("SIGHUP");
    await pause(dice.between(0, 700));
    // A zygote that is killed from now on imports what is there then.
    site.edit(shopCode(nextVersion()));
    return {};
  },
};

const failingDeploy: RandomFault = {
  name: "a deploy of code that fails",
  async run({ site, dice, nextVersion }) {
    const fault = dice.pick([
      ["raise RuntimeError('broken')"],
      ["return '500 Broken' if asked % 3 == 0 else None"],
      ["os._exit(7)"],
    ]);
    site.edit(shopCode("667", { fault }));
    await site.command("reload");
    await pause(dice.between(0, 300));
    site.edit(shopCode(nextVersion()));
    // Where it was not taken back by itself by now, the next one takes its place.
    await site.command("reload");
    return { 500: ALL, 502: ALL };
  },
};

const scale: RandomFault = {
  name: "another number of workers",
  async run({ site, dice }) {
    const signals = ["SIGTTIN", "SIGTTOU", "SIGTTIN"] as const;
    for (let count = dice.between(1, 5); count > 0; count--) {
      site.server.signal(dice.pick(signals));
      await pause(dice.between(0, 100));
    }
    return {};
  },
};

const clientsLeave: RandomFault = {
  name: "clients that leave in each phase",
  async run({ site, dice }) {
    const whole = post("/post?s=0.05", `left-${dice.below(1_000_000)}`);
    for (let count = dice.between(5, 25); count > 0; count--) {
      const client = await RawClient.connect(site.port);
      client.socket.on("error", () => {});
      const request = dice.chance(0.5) ? Buffer.from(get("/stream/left?n=30&s=0.01")) : whole;
      client.write(request.subarray(0, dice.between(1, request.length)));
      await pause(dice.pick([0, 0, 5, 40]));
      if (dice.chance(0.5)) client.socket.resetAndDestroy();
      else client.close();
    }
    return {};
  },
};

const logsReopened: RandomFault = {
  name: "signals that must not matter",
  async run({ site, dice }) {
    for (let count = dice.between(1, 4); count > 0; count--) {
      site.server.signal(dice.pick(["SIGUSR1", "SIGWINCH", "SIGCONT"] as const));
      await pause(dice.between(0, 50));
    }
    return {};
  },
};

export const RANDOM_FAULTS: readonly RandomFault[] = [
  killOne,
  killAll,
  killZygote,
  stopWorker,
  stopZygote,
  suspendGateway,
  killGateway,
  dieByRequest,
  hang,
  deploy,
  deployStorm,
  brokenDeploy,
  failingDeploy,
  scale,
  clientsLeave,
  logsReopened,
];
