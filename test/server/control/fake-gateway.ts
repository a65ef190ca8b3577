/** A gateway that does what a test tells it to. */
import type {
  ControlCommandSettings,
  ControlledGateway,
} from "../../../src/server/control/control-commands.ts";
import type { GatewayStatus } from "../../../src/server/gateway-status.ts";
import type {
  Observed,
  Snapshot,
  StackResult,
  TrafficPoint,
} from "../../../src/server/observation/snapshot.ts";
import type { GenerationStatus, ReloadOutcome } from "../../../src/workers/supervisor-status.ts";
import type { WorkerRange } from "../../../src/workers/worker-scaling.ts";

export const GENERATION: GenerationStatus = {
  number: 1,
  state: "serving",
  zygotePid: 4712,
  guardianPid: 4710,
  workers: [],
  answered: 0,
  failed: 0,
  crashes: 0,
};

export const STATUS: GatewayStatus = {
  version: "0.1.0",
  pid: 4711,
  application: "shop:app",
  startedAtMs: 1_000_000,
  state: "serving",
  addresses: ["http://127.0.0.1:8000"],
  connections: 0,
  queue: {
    waiting: 0,
    oldestMs: 0,
    wait: { count: 0, lastMs: 0, meanMs: 0, maxMs: 0, p50Ms: 0, p99Ms: 0 },
  },
  workers: { min: 2, max: 2, target: 2 },
  generations: [GENERATION],
  lastReload: null,
};

export const POINT: TrafficPoint = {
  atMs: 1_000_000,
  requests: 10,
  serverErrors: 1,
  clientErrors: 2,
  p50Us: 100,
  p90Us: 900,
  p99Us: 9_900,
  queueP99Us: 50,
  receivedBytes: 1_000,
  sentBytes: 2_000,
  waiting: 0,
  connections: 3,
};

/** What there is to see of a gateway, as a test sets it. */
export class FakeObservation implements Observed {
  current: Snapshot = {
    atMs: 1_010_000,
    status: STATUS,
    processes: [],
    listeners: [],
    connections: { open: 0, byPhase: {}, shown: [] },
    descriptors: { used: 20, limit: 1_024 },
    latest: POINT,
    errors: [],
    marks: [],
  };
  points: TrafficPoint[] = [POINT];
  stacks: StackResult = { kind: "stack", pid: 4713, text: "Current thread\n" };
  readonly asked: number[] = [];

  snapshot(shownMax: number): Snapshot {
    this.asked.push(shownMax);
    return this.current;
  }

  history(): readonly TrafficPoint[] {
    return this.points;
  }

  stack(pid: number): Promise<StackResult> {
    this.asked.push(pid);
    return Promise.resolve(this.stacks);
  }
}

export class FakeGateway implements ControlledGateway {
  current: GatewayStatus = STATUS;
  readonly observation = new FakeObservation();
  /** Settles the reload that was asked for last. */
  reloaded: PromiseWithResolvers<ReloadOutcome> = Promise.withResolvers();
  reloads = 0;
  ranges: WorkerRange[] = [];
  stops = 0;

  readonly settings: ControlCommandSettings = {
    stop: () => void this.stops++,
    stopWithinMs: 30_000,
    reloadWithinMs: 60_000,
    workersMax: 512,
  };

  status(): GatewayStatus {
    return this.current;
  }

  reload(): Promise<ReloadOutcome> {
    this.reloads++;
    return this.reloaded.promise;
  }

  scale(range: WorkerRange): void {
    this.ranges.push(range);
  }

  stack(pid: number): Promise<StackResult> {
    return this.observation.stack(pid);
  }
}
