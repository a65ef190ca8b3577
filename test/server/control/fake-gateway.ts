/** A gateway that does what a test tells it to. */
import type {
  ControlCommandSettings,
  ControlledGateway,
} from "../../../src/server/control/control-commands.ts";
import type { GatewayStatus } from "../../../src/server/gateway-status.ts";
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

export class FakeGateway implements ControlledGateway {
  current: GatewayStatus = STATUS;
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
}
