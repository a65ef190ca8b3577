/**
 * The real supervisor, with its generations and its dispatcher, over a machine that the test plays:
 * what a script makes of it, and what must hold at each moment of it.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { mock } from "node:test";
import { setImmediate as turnOfLoop } from "node:timers/promises";

import { type Log, NULL_LOG } from "../../src/base/log.ts";
import { Supervisor, type SupervisorSettings } from "../../src/workers/supervisor.ts";
import type { ReloadOutcome } from "../../src/workers/supervisor-status.ts";
import type { WorkerClass } from "../../src/workers/zygote-start.ts";
import {
  FakeMachine,
  type FakeWorkerProcess,
  type MachineWatcher,
  READY_PATH,
} from "./fake-machine.ts";
import type { SentRequest } from "./fake-worker.ts";
import { RecordingSink } from "./recording-sink.ts";
import { makePost, makeRequest } from "./request.ts";

export const START_TIMEOUT_MS = 3_000;
export const TIMEOUT_MS = 1_000;
export const WATCH_WINDOW_MS = 2_000;
const QUEUE_TIMEOUT_MS = 2_000;
const SWEEP_INTERVAL_MS = 100;
/** Workers beyond those that are wanted, as docs/states.md has them: leaving, ending, hung. */
const EXTRA_WORKERS_MAX = 32;
/** The zygote's own bound to end, and a little. */
export const STOP_SLACK_MS = 4_000;
const POST = "/post/";
const { random } = Math;
const { readFileSync } = fs;
const NO_SUCH_FILE = new Error("ENOENT");

export interface Shape {
  readonly workerClass: WorkerClass;
  readonly threads: number;
  readonly min: number;
  readonly max: number;
  readonly requestsMax: number | null;
  readonly lifetimeMs: number | null;
  readonly drainTimeoutMs: number | null;
  readonly watchWindowMs: number | null;
  readonly asksReadiness: boolean;
}

function settingsOf(shape: Shape): SupervisorSettings {
  return {
    workers: { min: shape.min, max: shape.max },
    generation: {
      zygote: {
        python: "python3",
        program: "portico_worker",
        reference: "shop:app",
        ahead: null,
        folder: "/",
        env: {},
        pythonpath: [],
        rootPath: "",
        version: "0",
        multiprocess: true,
        workerClass: shape.workerClass,
        threads: shape.threads,
        hooks: null,
        maxRssBytes: null,
        reportFiles: false,
        errorLog: null,
        logFormat: "text",
        startTimeoutMs: START_TIMEOUT_MS,
      },
      life: {
        workerClass: shape.workerClass,
        threads: shape.threads,
        requestsMax: shape.requestsMax,
        rssMaxBytes: null,
        requestsJitter: 0,
        lifetimeMs: shape.lifetimeMs,
        drainTimeoutMs: shape.drainTimeoutMs,
      },
      readiness: shape.asksReadiness
        ? { path: READY_PATH, query: "", host: "localhost", scheme: "http" }
        : null,
    },
    limits: { queueLengthMax: 30, queueTimeoutMs: QUEUE_TIMEOUT_MS, timeoutMs: TIMEOUT_MS },
    watchWindowMs: shape.watchWindowMs,
  };
}

/** A call of the supervisor that settles later. */
interface Pending<T> {
  readonly promise: Promise<T>;
  readonly beganAtMs: number;
  outcome: T | null;
}

interface Client {
  readonly path: string;
  readonly sink: RecordingSink;
}

export class SupervisorSimulation implements AsyncDisposable, MachineWatcher {
  readonly machine = new FakeMachine(this);
  readonly supervisor: Supervisor;
  readonly clients: Client[] = [];
  readonly reloads: Pending<ReloadOutcome>[] = [];
  /** Requests that were refused because nobody could take them in time. */
  refused = 0;
  /** How the start went: null while it goes on. */
  started: boolean | null = null;
  stopped: boolean | null = null;
  /** Generations that have had the traffic at some time in this turn. */
  readonly #servedNow = new Set<number>();
  readonly #begun = new Map<string, number>();
  /** What failed, and was then put to the old code as well. */
  readonly #asked = new Set<string>();
  /** Of a GET: two workers, and the old code for comparison. */
  readonly #executionsMax: number;
  #rangeMaxEver: number;
  #nextSweepMs = SWEEP_INTERVAL_MS;

  constructor(shape: Shape, log: Log = NULL_LOG) {
    this.#rangeMaxEver = shape.max;
    this.#executionsMax = shape.watchWindowMs === null ? 2 : 3;
    const clock = { nowMs: () => this.machine.nowMs, epochMs: () => this.machine.nowMs };
    mock.timers.enable({ apis: ["setTimeout"] });
    Math.random = () => 0.5;
    // No process of this machine is in /proc.
    fs.readFileSync = () => {
      throw NO_SUCH_FILE;
    };
    // Named imports of built-in modules see all this from now on.
    syncBuiltinESMExports();
    this.supervisor = new Supervisor(
      this.machine,
      settingsOf(shape),
      { onFiles: () => {}, onChange: () => {} },
      log,
      clock,
    );
    this.supervisor.start([]).then(
      () => (this.started = true),
      () => (this.started = false),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    mock.timers.reset();
    Math.random = random;
    fs.readFileSync = readFileSync;
    syncBuiltinESMExports();
    await turnOfLoop();
  }

  get serving(): number | null {
    const serving = this.supervisor.status().generations.filter(({ state }) => state === "serving");
    assert.ok(serving.length <= 1, "one generation has the traffic");
    return serving[0]?.number ?? null;
  }

  /** Requests of which a worker began none, one or more executions. */
  get begun(): ReadonlyMap<string, number> {
    return this.#begun;
  }

  /** Does something, and lets everybody take it in. */
  async turn(action: () => void = () => {}): Promise<void> {
    action();
    this.machine.endTurn();
    await turnOfLoop();
    this.#noteServing();
    this.machine.endTurn();
    await turnOfLoop();
    this.machine.endTurn();
    this.#servedNow.clear();
    this.#noteServing();
  }

  /** Time passes: what is due happens, the gateway sweeps several times a second. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.machine.nowMs + ms;
    while (this.machine.nowMs < untilMs) {
      const dueMs = this.machine.nextAtMs ?? Infinity;
      const nextMs = Math.max(Math.min(dueMs, this.#nextSweepMs, untilMs), this.machine.nowMs);
      mock.timers.tick(nextMs - this.machine.nowMs);
      this.machine.nowMs = nextMs;
      await this.turn(() => {
        this.machine.runDue();
        if (nextMs < this.#nextSweepMs) return;
        this.#nextSweepMs = nextMs + SWEEP_INTERVAL_MS;
        this.supervisor.sweep();
      });
      if (nextMs + SWEEP_INTERVAL_MS === this.#nextSweepMs) this.check();
    }
  }

  /** Lets time pass until the condition holds. */
  async passUntil(what: string, boundMs: number, condition: () => boolean): Promise<void> {
    const untilMs = this.machine.nowMs + boundMs;
    while (!condition()) {
      assert.ok(this.machine.nowMs < untilMs, `${boundMs} ms without ${what}`);
      await this.pass(SWEEP_INTERVAL_MS);
    }
  }

  submit(isPost: boolean): Client | null {
    const path = `${isPost ? POST : "/get/"}${this.clients.length + this.refused}`;
    const sink = new RecordingSink();
    const request = isPost ? makePost(path) : makeRequest(path);
    if (this.supervisor.dispatcher.submit(request, sink) === null) {
      this.refused++;
      return null;
    }
    const client = { path, sink };
    this.clients.push(client);
    return client;
  }

  reload(): Pending<ReloadOutcome> {
    const promise = this.supervisor.reload();
    const pending: Pending<ReloadOutcome> = {
      promise,
      beganAtMs: this.machine.nowMs,
      outcome: null,
    };
    void promise.then((outcome) => (pending.outcome = outcome));
    this.reloads.push(pending);
    return pending;
  }

  scale(min: number, max: number): void {
    this.#rangeMaxEver = Math.max(this.#rangeMaxEver, max);
    this.supervisor.scale({ min, max });
  }

  stop(boundMs: number): void {
    this.stopped = false;
    void this.supervisor.stop(boundMs).then(() => (this.stopped = true));
  }

  /** What must hold at every moment. */
  check(): void {
    const { generations, workers } = this.supervisor.status();
    const isUp = this.started === true && this.stopped === null;
    const serving = generations.filter(({ state }) => state === "serving");
    assert.equal(serving.length, isUp ? 1 : serving.length, "a generation serves");
    for (const generation of generations) {
      const inService = generation.workers.filter(
        ({ state }) => state === "starting" || state === "ready",
      ).length;
      const allowed = generation.state === "serving" ? workers.target : this.#rangeMaxEver;
      assert.ok(inService <= allowed, `${inService} workers in service, where ${allowed} may be`);
      const all = generation.workers.length;
      assert.ok(all <= this.#rangeMaxEver + EXTRA_WORKERS_MAX, `${all} workers of a generation`);
    }
    const kept = generations.filter(({ state }) => state !== "draining" && state !== "ended");
    assert.ok(kept.length <= 3, "at most: one that serves, one before it, one after it");
    const living = this.machine.livingZygotes.length;
    assert.ok(living <= generations.length, `${living} zygotes of ${generations.length}`);
    assert.equal(
      this.supervisor.ready,
      serving.some((one) => hasReady(one)),
    );
  }

  /** What must hold when all is over: one outcome for each request, nothing begun too often. */
  checkClients(): void {
    for (const { path, sink } of this.clients) {
      assert.equal(sink.outcomes, 1, `${path} has ${sink.outcomes} outcomes`);
      const begun = this.#begun.get(path) ?? 0;
      const allowed = path.startsWith(POST) ? 1 : this.#executionsMax;
      assert.ok(begun <= allowed, `${path} was begun ${begun} times`);
    }
  }

  onArrival({ zygote: { generation } }: FakeWorkerProcess, { path }: SentRequest): void {
    if (path === READY_PATH || this.#servedNow.has(generation)) return;
    // What is safe may have failed in the new code: then the old code is asked, once.
    if (!path.startsWith(POST) && !this.#asked.has(path)) {
      this.#asked.add(path);
      return;
    }
    assert.equal(generation, this.serving, "traffic goes to the generation that serves");
  }

  onBegin(_worker: FakeWorkerProcess, { path }: SentRequest): void {
    if (path === READY_PATH) return;
    this.#begun.set(path, (this.#begun.get(path) ?? 0) + 1);
  }

  /** Called whenever the traffic may have moved. */
  #noteServing(): void {
    const { serving } = this;
    if (serving !== null) this.#servedNow.add(serving);
  }
}

function hasReady({
  workers,
}: {
  readonly workers: readonly { readonly state: string }[];
}): boolean {
  return workers.some(({ state }) => state === "ready" || state === "leaving");
}
