/**
 * A server that is looked at, without the server: ten minutes of a shop's traffic with a deploy, a
 * burst of errors and a view that hangs. Counts how often it is asked.
 */
import type {
  ConnectionSnapshot,
  ErrorSnapshot,
  MarkSnapshot,
  Observed,
  ProcessSnapshot,
  Snapshot,
  StackResult,
  TrafficPoint,
} from "../../../src/server/observation/snapshot.ts";
import { GENERATION, STATUS } from "../control/fake-gateway.ts";

const HISTORY_S = 600;
const SECOND_MS = 1_000;
const PATHS = ["/", "/cart", "/products/4711", "/search?q=lamp", "/checkout", "/api/stock"];

/** The same noise in each run. */
function noise(seed: number): number {
  const value = Math.sin(seed * 12.9898) * 43_758.5453;
  return value - Math.floor(value);
}

export class PlayedObserved implements Observed {
  snapshots = 0;
  histories = 0;
  stacks: number[] = [];
  nowMs: number;
  openConnections = 143;
  readonly #startedAtMs: number;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
    this.#startedAtMs = nowMs - 8_053_000;
  }

  snapshot(shownMax: number): Snapshot {
    this.snapshots++;
    const processes = this.#processes();
    return {
      atMs: this.nowMs,
      status: {
        ...STATUS,
        startedAtMs: this.#startedAtMs,
        connections: this.openConnections,
        workers: { min: 4, max: 4, target: 4 },
        generations: [{ ...GENERATION, number: 3, zygotePid: 4790 }],
      },
      processes,
      listeners: [
        {
          address: "http://0.0.0.0:8000",
          descriptor: 21,
          backlog: 2048,
          effectiveBacklog: 2048,
          queued: 3,
        },
        {
          address: "unix:/run/shop/portico.sock",
          descriptor: 22,
          backlog: 8192,
          effectiveBacklog: 4096,
          queued: 0,
        },
      ],
      connections: {
        open: this.openConnections,
        byPhase: { head: 2, content: 1, answer: 5, idle: this.openConnections - 9, lingering: 1 },
        shown: this.#connections(Math.min(shownMax, this.openConnections)),
      },
      descriptors: { used: 212, limit: 1_048_576 },
      latest: this.#pointAt(Math.floor(this.nowMs / SECOND_MS) - 1),
      errors: this.#errors(),
      marks: this.#marks(),
    };
  }

  history(): readonly TrafficPoint[] {
    this.histories++;
    const last = Math.floor(this.nowMs / SECOND_MS) - 1;
    return Array.from({ length: HISTORY_S }, (_, index) =>
      this.#pointAt(last - HISTORY_S + 1 + index),
    );
  }

  stack(pid: number): Promise<StackResult> {
    this.stacks.push(pid);
    if (pid !== 4795) return Promise.resolve({ kind: "refused", why: "there is no such worker" });
    const text = `Thread 0x00007f3c (most recent call first):
  File "/srv/shop/reports.py", line 88 in _fetch_rows
  File "/srv/shop/reports.py", line 41 in yearly
  File "/srv/shop/views.py", line 212 in report
  File "/usr/lib/python3/dist-packages/flask/app.py", line 917 in full_dispatch_request
  File "/usr/lib/python3/dist-packages/flask/app.py", line 1511 in wsgi_app
`;
    return Promise.resolve({ kind: "stack", pid, text });
  }

  #pointAt(second: number): TrafficPoint {
    const age = Math.floor(this.nowMs / SECOND_MS) - second;
    const burst = age > 170 && age < 190 ? 1 : 0;
    const wave = 1_150 + 320 * Math.sin(second / 97) + 120 * Math.sin(second / 31);
    const requests = Math.round(wave * (0.92 + 0.16 * noise(second)) * (1 - 0.35 * burst));
    const p50Us = 1_900 + 500 * noise(second + 0.1) + 1_500 * burst;
    return {
      atMs: second * SECOND_MS,
      requests,
      serverErrors: burst * Math.round(40 * noise(second)) + (noise(second + 9) > 0.985 ? 1 : 0),
      clientErrors: Math.round(3 * noise(second + 3)),
      p50Us,
      p90Us: p50Us * (2.6 + noise(second + 0.2)),
      p99Us: p50Us * (7 + 9 * noise(second + 0.3)) * (1 + 6 * burst),
      queueP99Us: (90 + 400 * noise(second + 0.4) ** 4) * (1 + 400 * burst * noise(second)),
      receivedBytes: requests * 420,
      sentBytes: requests * 6_100,
      waiting: 0,
      connections: this.openConnections,
    };
  }

  #processes(): ProcessSnapshot[] {
    const ageMs = this.nowMs - this.#startedAtMs;
    const base = { name: null, systemState: "S", requests: null, number: null, busy: [] };
    const tick = Math.floor(this.nowMs / SECOND_MS);
    const worker = (number: number): ProcessSnapshot => {
      const isSlow = number === 12;
      const isBusy = isSlow || noise(tick + number * 7) > 0.35;
      const path = PATHS[Math.floor(noise(tick * 3 + number) * PATHS.length)] ?? "/";
      return {
        ...base,
        pid: 4783 + number,
        ppid: 4790,
        kind: "worker",
        generation: 3,
        number,
        state: "ready",
        ageMs: 312_000,
        cpuMs: 81_000,
        cpuShare: isSlow ? 0.02 : 0.35 + 0.4 * noise(tick + number),
        rssBytes: 61_400_000 + 900_000 * number,
        requests: 80_211 + (tick % 1_000) + number * 337,
        busy: isBusy
          ? [
              {
                request: isSlow ? "GET /reports/yearly?year=2025" : `GET ${path}`,
                requestId: isSlow ? "01JD8ZK4T6" : null,
                ageMs: isSlow ? 14_210 + (tick % 60) * 1_000 : 1 + 8 * noise(tick + number),
              },
            ]
          : [],
      };
    };
    return [
      {
        ...base,
        pid: 4711,
        ppid: 1,
        kind: "gateway",
        generation: null,
        state: "serving",
        ageMs,
        cpuMs: 400_000,
        cpuShare: 0.21,
        rssBytes: 118_000_000,
      },
      {
        ...base,
        pid: 4790,
        ppid: 4711,
        kind: "zygote",
        generation: 3,
        state: "serving",
        ageMs: 313_000,
        cpuMs: 900,
        cpuShare: 0,
        rssBytes: 57_000_000,
      },
      {
        ...base,
        pid: 4791,
        ppid: 4790,
        kind: "guardian",
        generation: 3,
        state: null,
        ageMs: 313_000,
        cpuMs: 10,
        cpuShare: 0,
        rssBytes: 9_100_000,
      },
      ...[9, 10, 11, 12].map(worker),
    ];
  }

  #connections(count: number): ConnectionSnapshot[] {
    const phases = ["answer", "answer", "answer", "answer", "answer", "head", "head", "content"];
    return Array.from({ length: count }, (_, index) => ({
      local: "10.0.4.17:8000",
      remote: `203.0.113.${(index * 37) % 250}:${40_000 + ((index * 7_919) % 20_000)}`,
      descriptor: 30 + index,
      phase: phases[index] ?? "idle",
      ageMs: 400 + index ** 2 * 190,
      requests: 1 + ((index * 13) % 240),
      receivedBytes: 4_100 + index * 311,
      sentBytes: 48_000 + index * 9_311,
      unsentBytes: index === 3 ? 412_000 : 0,
      request: index < 5 ? `GET ${PATHS[index] ?? "/"}` : null,
    }));
  }

  #errors(): ErrorSnapshot[] {
    return Array.from({ length: 14 }, (_, index) => ({
      atMs: Math.floor(this.nowMs / 60_000) * 60_000 - 100_000 - index * 1_300,
      status: index % 5 === 4 ? 504 : 500,
      request: index % 3 === 0 ? "POST /checkout" : 'GET /products/4711?ref=<b>"mail"</b>',
      requestId: `01JD8ZK4T${index}`,
      workerPid: 4792 + (index % 4),
      durationUs: 8_400 + index * 40_100,
    }));
  }

  #marks(): MarkSnapshot[] {
    const minute = Math.floor(this.nowMs / 60_000) * 60_000;
    return [
      { atMs: minute - 313_000, kind: "reload", text: "generation 3 serves" },
      {
        atMs: minute - 180_000,
        kind: "worker-lost",
        text: "worker 8 (PID 4788) was killed by SIGKILL",
      },
      { atMs: minute - 95_000, kind: "scale", text: "4 workers instead of 3" },
    ];
  }
}
