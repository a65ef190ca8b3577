/**
 * The processes that a server consists of, as a tree in one list: the gateway, under it the zygote
 * of each generation, under that its workers, and whatever these have started. What the gateway
 * knows of them is put beside what the system tells.
 *
 * Owns the share of a CPU: what was used since a look before.
 */
import { childrenOf, type ProcessFacts, processFacts } from "../../os/process-facts.ts";
import type {
  BusyStatus,
  GenerationStatus,
  WorkerStatus,
} from "../../workers/supervisor-status.ts";
import type { GatewayStatus } from "../gateway-status.ts";
import { shownText } from "./observed-text.ts";
import type { ProcessSnapshot, RequestSnapshot } from "./snapshot.ts";

/** Requests that are listed of one worker, and of all of them. */
const BUSY_MAX = 64;
export const BUSY_TOTAL_MAX = 700;
/** Of the processes that others have started, in all. */
export const OTHERS_MAX = 256;
/** Processes that are asked for their children: a file to be read for each thread of theirs. */
const PARENTS_MAX = 200;
/** However many look on, they are asked about once a second: that costs more than all the rest. */
const CHILDREN_KEPT_MS = 900;
/** What is known of them beyond their parents is at most so deep. */
const DEPTH_MAX = 8;
/** A look that follows another so soon has the figures of that one: a tick is 10 ms long. */
const SHARE_INTERVAL_MIN_MS = 500;
/** What was used before that is no present share. */
const SHARE_INTERVAL_MAX_MS = 30_000;

/** How the tree is looked at; tests bring their own. */
export interface ProcessSource {
  facts(pid: number): ProcessFacts | null;
  children(pid: number): readonly number[];
}

const SYSTEM: ProcessSource = { facts: processFacts, children: childrenOf };

/** What the gateway knows of a process, beside its number. */
type Known = Pick<ProcessSnapshot, "kind"> & Partial<ProcessSnapshot>;

/** A gateway that tells nothing of itself now. */
export interface QuietGateway {
  readonly pid: number;
  /** From 0. */
  readonly number: number;
  readonly state: string;
}

interface Look {
  readonly atMs: number;
  /** By PID and time of start. */
  readonly cpuMs: ReadonlyMap<string, number>;
}

export class ProcessTree {
  readonly #source: ProcessSource;
  /** As they were found last, by their parents. */
  readonly #children = new Map<number, readonly number[]>();
  #childrenKeptUntilMs = -Infinity;
  /** What shares are reckoned from. */
  #base: Look | null = null;
  /** As they were when there was a new base. */
  #shares: ReadonlyMap<string, number> = new Map();

  constructor(source: ProcessSource = SYSTEM) {
    this.#source = source;
  }

  /**
   * @param nowMs monotonic
   * @returns parents before their children
   */
  look(status: GatewayStatus, nowMs: number): ProcessSnapshot[] {
    const source = this.#begin(nowMs);
    const gateway = source.facts(status.pid);
    const view = new View(source, systemNowMs(source, status, gateway));
    view.add(status.pid, gateway, {
      kind: "gateway",
      state: status.state,
      ageMs: Math.round(process.uptime() * 1_000),
    });
    for (const generation of status.generations) addGeneration(view, generation);
    // The gateway has no other children of its own.
    view.addOthersOf(status.pid, null);
    return this.#finish(view, nowMs);
  }

  /**
   * The leader of several gateways, with what has been started besides those that tell of
   * themselves; under one that does not, whatever the system tells.
   *
   * @param nowMs monotonic
   * @param telling PIDs of gateways that are left out, with all that is theirs
   * @returns parents before their children
   */
  lookAtLeader(
    { pid, state }: Pick<GatewayStatus, "pid" | "state">,
    gateways: readonly QuietGateway[],
    telling: readonly number[],
    nowMs: number,
  ): ProcessSnapshot[] {
    const source = this.#begin(nowMs);
    const leader = source.facts(pid);
    const view = new View(source, systemNowMs(source, { generations: [] }, leader));
    const ageMs = Math.round(process.uptime() * 1_000);
    view.add(pid, leader, { kind: "leader", state, ageMs });
    for (const { pid: known, number, state: how } of gateways) {
      view.addKnown(known, { kind: "gateway", number, state: how });
      view.addOthersOf(known, null);
    }
    view.leaveOut(telling);
    view.addOthersOf(pid, null);
    return this.#finish(view, nowMs);
  }

  #begin(nowMs: number): ProcessSource {
    if (nowMs >= this.#childrenKeptUntilMs) {
      this.#children.clear();
      this.#childrenKeptUntilMs = nowMs + CHILDREN_KEPT_MS;
    }
    return {
      facts: (pid) => this.#source.facts(pid),
      children: (pid) => this.#childrenOf(pid),
    };
  }

  #finish(view: View, nowMs: number): ProcessSnapshot[] {
    this.#reckonShares(view, nowMs);
    return view.processes.map((found, index) => {
      const share = this.#shares.get(view.keys[index] ?? "");
      return share === undefined ? found : { ...found, cpuShare: share };
    });
  }

  #childrenOf(pid: number): readonly number[] {
    const known = this.#children.get(pid);
    if (known !== undefined) return known;
    const found = this.#source.children(pid);
    this.#children.set(pid, found);
    return found;
  }

  #reckonShares(view: View, nowMs: number): void {
    const base = this.#base;
    const passedMs = nowMs - (base?.atMs ?? -Infinity);
    if (passedMs < SHARE_INTERVAL_MIN_MS) return;
    const cpuMs = new Map<string, number>();
    const shares = new Map<string, number>();
    view.processes.forEach(({ cpuMs: used }, index) => {
      const key = view.keys[index] ?? "";
      if (used === null) return;
      cpuMs.set(key, used);
      const before = base?.cpuMs.get(key);
      if (before === undefined || passedMs > SHARE_INTERVAL_MAX_MS) return;
      shares.set(key, Math.max(0, used - before) / passedMs);
    });
    this.#base = { atMs: nowMs, cpuMs };
    this.#shares = shares;
  }
}

/** The list as it grows. */
class View {
  readonly processes: ProcessSnapshot[] = [];
  /** What tells each from another one that has its number later. */
  readonly keys: string[] = [];
  readonly #source: ProcessSource;
  readonly #systemNowMs: number | null;
  readonly #seen = new Set<number>();
  #others = 0;
  #busy = 0;
  #parents = 0;

  /** @param nowMs by the clock of `ProcessFacts.startedMs`; null where that is not known */
  constructor(source: ProcessSource, nowMs: number | null) {
    this.#source = source;
    this.#systemNowMs = nowMs;
  }

  /** @param facts null where the system does not tell */
  add(pid: number, facts: ProcessFacts | null, known: Known): void {
    if (this.#seen.has(pid)) return;
    this.#seen.add(pid);
    this.keys.push(`${pid} ${facts?.startedMs ?? 0}`);
    this.processes.push({
      pid,
      name: facts === null ? null : shownText(facts.name),
      ppid: facts?.ppid ?? null,
      generation: null,
      number: null,
      state: null,
      systemState: facts?.state ?? null,
      ageMs: this.#ageMs(facts),
      cpuMs: facts?.cpuMs ?? null,
      cpuShare: null,
      rssBytes: facts?.rssBytes ?? null,
      requests: null,
      busy: [],
      ...known,
    });
  }

  /** Somebody else tells of these. */
  leaveOut(pids: readonly number[]): void {
    for (const pid of pids) this.#seen.add(pid);
  }

  addKnown(pid: number, known: Known): void {
    this.add(pid, this.#source.facts(pid), known);
  }

  /** As many as there is room for. */
  takeBusy(busy: readonly BusyStatus[]): RequestSnapshot[] {
    const taken = busy.slice(0, Math.min(BUSY_MAX, BUSY_TOTAL_MAX - this.#busy));
    this.#busy += taken.length;
    return taken.map(({ request, requestId, ageMs }) => ({
      request: shownText(request),
      requestId: shownText(requestId),
      ageMs: Math.round(ageMs),
    }));
  }

  /** What a process has started and nobody has named yet, and what that has. */
  addOthersOf(pid: number, generation: number | null, depth = 1): void {
    if (depth > DEPTH_MAX || this.#parents >= PARENTS_MAX) return;
    this.#parents++;
    for (const child of this.#source.children(pid)) {
      if (this.#seen.has(child)) continue;
      const facts = this.#source.facts(child);
      // Since it was found, its number may have become that of somebody else's child.
      if (facts?.ppid !== pid) continue;
      if (this.#others >= OTHERS_MAX) return;
      this.#others++;
      this.add(child, facts, { kind: "other", generation });
      this.addOthersOf(child, generation, depth + 1);
    }
  }

  #ageMs(facts: ProcessFacts | null): number | null {
    if (facts === null || this.#systemNowMs === null) return null;
    return Math.max(0, Math.round(this.#systemNowMs - facts.startedMs));
  }
}

/**
 * What time it is by the clock by which the system says when processes were started. A container
 * may be told another uptime, so it is reckoned from a process whose age the gateway itself knows:
 * a worker, since it has forked that. Its own start is only the next best, for to the system it
 * began with the shell that became Node.js, whatever that did before.
 */
function systemNowMs(
  source: ProcessSource,
  { generations }: Pick<GatewayStatus, "generations">,
  gateway: ProcessFacts | null,
): number | null {
  for (const { pid, ageMs } of generations.flatMap(({ workers }) => workers)) {
    const facts = pid === null ? null : source.facts(pid);
    if (facts !== null) return facts.startedMs + ageMs;
  }
  return gateway === null ? null : gateway.startedMs + process.uptime() * 1_000;
}

function addGeneration(view: View, status: GenerationStatus): void {
  const { number: generation, state, zygotePid, guardianPid, workers } = status;
  // All of them first: a child that is known is not taken for another one.
  if (zygotePid !== null) view.addKnown(zygotePid, { kind: "zygote", generation, state });
  // Nobody's child, but of the zygote's group.
  if (guardianPid !== null) view.addKnown(guardianPid, { kind: "guardian", generation });
  for (const worker of workers) addWorker(view, worker, generation);
  if (zygotePid !== null) view.addOthersOf(zygotePid, generation);
  for (const { pid } of workers) if (pid !== null) view.addOthersOf(pid, generation);
}

function addWorker(view: View, worker: WorkerStatus, generation: number): void {
  const { number, pid, state, ageMs, requests, rssBytes } = worker;
  if (pid === null) return;
  const busy = view.takeBusy(worker.busy);
  const known = { number, state, requests, rssBytes, busy, ageMs: Math.round(ageMs) };
  view.addKnown(pid, { kind: "worker", generation, ...known });
}
