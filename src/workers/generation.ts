/**
 * One generation: a zygote that has imported the application's code, and its workers. Gets ready by
 * itself; who has the traffic is for `supervisor.ts` to say. Knows no other generation.
 */
import { setTimeout as pause } from "node:timers/promises";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Transport } from "../net/transport.ts";
import { residentBytes } from "../os/process-memory.ts";
import type { Dispatcher } from "./dispatcher.ts";
import {
  type GenerationEvent,
  type GenerationState,
  nextGenerationState,
} from "./generation-state.ts";
import type { RecentOutcomes } from "./generation-watch.ts";
import type { Job } from "./job.ts";
import { askReadiness, isReadyAnswer, type ReadinessTarget } from "./readiness-probe.ts";
import { RecentRecord } from "./recent-record.ts";
import { RespawnPause } from "./respawn-pause.ts";
import type { GenerationStatus, WorkerStatus } from "./supervisor-status.ts";
import { WarmUp } from "./warm-up.ts";
import { askStack, type StackAnswer } from "./worker-stack.ts";
import type { RestartCause } from "./worker-end.ts";
import type { WorkerHandle } from "./worker-handle.ts";
import type { WorkerLifeSettings } from "./worker-life.ts";
import type { WorkerPoolOwner } from "./worker-pool-owner.ts";
import { WorkerPool } from "./worker-pool.ts";
import {
  type LoadedApplication,
  type ProcessEnd,
  Zygote,
  type ZygoteEvents,
  type ZygoteSettings,
} from "./zygote.ts";

export interface GenerationSettings {
  readonly zygote: ZygoteSettings;
  readonly life: WorkerLifeSettings;
  /** What is asked of the workers before they are called ready; null for nothing. */
  readonly readiness: ReadinessTarget | null;
  /** How long workers must have been ready without one of them ending; 0 for no time. */
  readonly settleMs: number;
}

/** What a generation reports to the supervisor. */
export interface GenerationEvents {
  /** Its zygote has ended by itself, and its workers with it. */
  onLost(generation: Generation): void;
  /** Its zygote hangs: it serves, and cannot replace its workers any more. */
  onHung(generation: Generation): void;
  /** Nothing of it is left. */
  onEnded(generation: Generation): void;
  /** A worker has ended by itself, of code that was made ready. */
  onWorkerLost(generation: Generation, how: string, pid: number | null): void;
  /** A worker is gone whose place another takes. */
  onRestart(cause: RestartCause): void;
  /** Source files that it has imported, or has failed to. */
  onFiles(files: readonly string[]): void;
}

const SIGABRT = 6;
/** How long the zygote may take to end everything that it started. */
const ZYGOTE_END_BOUND_MS = 2_000;
/** From the last answer of a generation that is dismissed until what is left of it is ended. */
const DRAINED_MAX_MS = 15_000;
/** Between two questions whether the application is ready. */
const READINESS_INTERVAL_MS = 250;

export class Generation implements ZygoteEvents, WorkerPoolOwner {
  readonly number: number;
  readonly pool: WorkerPool;
  state: GenerationState = "importing";
  /** null until it is loaded. */
  application: LoadedApplication | null = null;
  readonly #transport: Transport;
  readonly #dispatcher: Dispatcher;
  readonly #settings: GenerationSettings;
  readonly #events: GenerationEvents;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #respawnPause = new RespawnPause();
  readonly #recent = new RecentRecord();
  /** Also while it imports and cannot fork. */
  #process: Zygote | null = null;
  #bornAtMs = 0;
  /** Whether the present process has imported the code. */
  #imported = false;
  /** When the code is imported once more after its zygote has ended; null where it need not be. */
  #importAtMs: number | null = null;
  /** null before the import is done and after the start. */
  #warmUp: WarmUp | null = null;
  /** Whether the present zygote has been found to hang. */
  #hangs = false;
  #ending = false;

  constructor(
    number: number,
    transport: Transport,
    dispatcher: Dispatcher,
    settings: GenerationSettings,
    events: GenerationEvents,
    log: Log,
    now: () => number,
  ) {
    this.number = number;
    this.#transport = transport;
    this.#dispatcher = dispatcher;
    this.#settings = settings;
    this.#events = events;
    this.#log = log;
    this.#now = now;
    const { life, zygote } = settings;
    const { startTimeoutMs } = zygote;
    this.pool = new WorkerPool(transport, dispatcher, { life, startTimeoutMs }, this, log, now);
  }

  get zygote(): Zygote | null {
    return this.#imported ? this.#process : null;
  }

  get resting(): boolean {
    return this.state !== "serving";
  }

  get isWarmingUp(): boolean {
    return this.#warmUp !== null;
  }

  /** What became of its requests, and of its workers, in the last minute. */
  get recentRecord(): RecentOutcomes {
    return this.#recent.since(this.#now(), this.pool.record);
  }

  /**
   * Imports the code, forks the workers, and waits until they are ready.
   *
   * @throws {OperatorError} exit status 2, 3 or 4: the application was not loaded; 3: its workers
   *   do not start, or it does not say that it is ready, or it was dismissed meanwhile. It is
   *   dismissed then.
   */
  async start(target: number): Promise<LoadedApplication> {
    try {
      const application = await this.#import();
      if (this.state !== "importing") throw notWanted();
      this.#take("imported");
      const warmUp = new WarmUp(this.#now() + this.#settings.zygote.startTimeoutMs);
      this.#warmUp = warmUp;
      this.pool.scaleTo(target);
      await this.#untilWarm(warmUp);
      this.#take("warmed");
      return application;
    } catch (error) {
      this.dismiss();
      throw error;
    } finally {
      this.#warmUp = null;
    }
  }

  /** New requests are its from now on; whoever calls has the queue served. */
  promote(): void {
    this.#take("promoted");
    this.pool.setResting(false);
  }

  /** No new requests; those that it has are answered. */
  rest(): void {
    this.#take("rested");
    this.pool.setResting(true);
  }

  /** Finishes what it holds, and ends. `onEnded` follows. Idempotent. */
  dismiss(): void {
    this.#take("dismissed");
    if (this.state === "ended") return;
    this.#importAtMs = null;
    this.#warmUp?.fail("they are not wanted any more");
    this.pool.setResting(true);
    this.pool.close();
    // While it imports it listens to nobody, and there is nothing to wait for.
    if (!this.#imported) this.#process?.kill();
  }

  /** Ends everything at once. `onEnded` follows. */
  kill(): void {
    this.dismiss();
    void this.#end();
  }

  reopenLogs(): void {
    this.#process?.reopenLog();
    this.pool.reopenLogs();
  }

  sweep(): void {
    const now = this.#now();
    this.#recent.note(now, this.pool.record);
    this.pool.sweep();
    this.#checkZygote();
    this.#checkDrained(now);
    if (this.#warmUp?.isLate(now) === true) this.#warmedTooLate(this.#warmUp);
    if (this.#importAtMs !== null && now >= this.#importAtMs) void this.#importAgain();
  }

  onAllReady(): void {
    this.#warmUp?.workersAreReady();
  }

  onRestart(cause: RestartCause): void {
    this.#events.onRestart(cause);
  }

  onDied(how: string, pid: number | null): void {
    if (this.#warmUp === null) this.#events.onWorkerLost(this, how, pid);
    else this.#warmUp.workerDied(how);
  }

  onZygoteSilent(): void {
    this.#process?.ask();
  }

  onEmpty(): void {
    void this.#end();
  }

  onFiles(files: readonly string[]): void {
    if (files.length > 0) this.#events.onFiles(files);
  }

  onForked(worker: number, pid: number): void {
    this.pool.forked(worker, pid);
  }

  onForkFailed(worker: number, message: string): void {
    this.pool.forkFailed(worker, message);
  }

  onExited(worker: number, end: ProcessEnd): void {
    this.pool.exited(worker, end);
  }

  onGone(description: string): void {
    const hadImported = this.#imported;
    this.#process = null;
    this.#imported = false;
    const isWanted = this.state !== "draining";
    if (isWanted && hadImported) {
      this.#log.error("the zygote ended, and its workers with it", {
        generation: this.number,
        how: description,
      });
    }
    this.#take("lost");
    this.#warmUp?.fail(`the zygote ${description}`);
    this.pool.lose(!isWanted);
    if (this.state === "serving") {
      const pauseMs = this.#respawnPause.afterDeath(this.#now() - this.#bornAtMs);
      this.#importAtMs = this.#now() + pauseMs;
    } else if (this.state === "draining") {
      this.pool.close();
    }
    if (isWanted) this.#events.onLost(this);
  }

  status(): GenerationStatus {
    const now = this.#now();
    return {
      number: this.number,
      state: this.state,
      zygotePid: this.#process?.pid ?? null,
      guardianPid: this.#imported ? (this.application?.guardianPid ?? null) : null,
      workers: [...this.pool.handles].map((handle) => workerStatus(handle, now)),
      ...this.pool.record,
    };
  }

  /** Python's stacks of one of its workers, as they are now; null where it has no such worker. */
  stack(pid: number): Promise<StackAnswer> | null {
    const handle = [...this.pool.handles].find((one) => one.pid === pid);
    if (handle === undefined) return null;
    const place = this.application?.stacks ?? null;
    if (place !== null) {
      return askStack(pid, place, this.#signalTo(handle));
    }
    const why = "this system has no files in memory, to which a worker could write them";
    return Promise.resolve({ kind: "refused", why });
  }

  /**
   * Its stacks go to the log in one piece, by way of its file in memory. Where that cannot be, it
   * writes them to standard error itself, piece by piece, among what others write there.
   */
  onHungWorker(handle: WorkerHandle, { request }: Job): void {
    const { pid } = handle;
    const { stacks = null, dumpSignal = SIGABRT } = this.application ?? {};
    const signalIt = this.#signalTo(handle);
    if (pid === null || stacks === null) return signalIt(dumpSignal);
    void askStack(pid, stacks, signalIt).then((answer) => {
      const fields = { request: request.describe(), requestId: request.id, pid };
      if (answer.kind === "refused") {
        signalIt(dumpSignal);
        this.#log.warn("where the worker is cannot be said", { ...fields, why: answer.why });
      } else {
        this.#log.error("this is where the worker is", fields, answer.text);
      }
    });
  }

  /** Has a worker sent signals by its parent, whichever process that is by then. */
  #signalTo({ number }: WorkerHandle): (signal: number) => void {
    return (signal) => this.zygote?.signal(number, signal);
  }

  #take(event: GenerationEvent): void {
    this.state = nextGenerationState(this.state, event);
  }

  async #import(): Promise<LoadedApplication> {
    this.#bornAtMs = this.#now();
    this.#hangs = false;
    const zygote = new Zygote(this.#transport, this.#settings.zygote, this, this.#now);
    this.#process = zygote;
    this.application = await zygote.loaded;
    this.#imported = this.#process === zygote;
    return this.application;
  }

  /** What serves has lost its zygote, and there is nothing else to serve from. */
  async #importAgain(): Promise<void> {
    this.#importAtMs = null;
    try {
      await this.#import();
    } catch (error) {
      // `onGone` follows and tries again, later each time.
      const { message, details } = error as OperatorError;
      this.#log.error("the application did not load", { cause: message }, details);
      return;
    }
    this.pool.fill();
  }

  /** Waits until the workers are ready, have said so, and have lived for a little while. */
  async #untilWarm(warmUp: WarmUp): Promise<void> {
    const { readiness, settleMs } = this.#settings;
    let deaths: number;
    do {
      await warmUp.untilWorkersAreReady(this.pool.allReady);
      if (readiness !== null) await warmUp.until(this.#untilAnswered(warmUp, readiness));
      deaths = warmUp.deaths;
      if (settleMs > 0) await warmUp.until(pause(settleMs));
    } while (warmUp.deaths !== deaths || this.#process === null);
  }

  /** Asks each worker, again and again, until it is ready; the bound is the warm-up's. */
  async #untilAnswered(warmUp: WarmUp, readiness: ReadinessTarget): Promise<void> {
    const asked = new Set<WorkerHandle>();
    for (;;) {
      const next = [...this.pool.handles].find(
        (handle) => handle.state === "ready" && !asked.has(handle),
      );
      const channel = next?.channels[0];
      if (next === undefined || channel === undefined) return;
      const answer = await askReadiness(this.#dispatcher, channel, readiness);
      if (isReadyAnswer(answer)) {
        // A worker of class `request` is used up by it, and another comes in its place.
        if (this.#settings.life.workerClass === "request") return;
        asked.add(next);
        continue;
      }
      const said = `${readiness.path} was answered ${answer}`;
      if (said !== warmUp.lastAnswer) {
        this.#log.info("the application is not ready yet", { path: readiness.path, answer });
      }
      warmUp.lastAnswer = said;
      await pause(READINESS_INTERVAL_MS);
      if (this.state !== "warming") return;
    }
  }

  #warmedTooLate(warmUp: WarmUp): void {
    const seconds = this.#settings.zygote.startTimeoutMs / 1000;
    const said = warmUp.lastAnswer === null ? "" : ` (${warmUp.lastAnswer})`;
    warmUp.fail(`they were not ready within ${seconds} s${said}; see --start-timeout`);
    // What the application registered for a fork may hang, in the zygote too: it is not asked.
    if (warmUp.lastAnswer === null) this.#process?.kill();
  }

  /**
   * A zygote that does not answer hangs in something, or was stopped. Where some of its workers can
   * serve, they go on until another generation has taken their place; else nothing is lost by
   * ending it now.
   */
  #checkZygote(): void {
    if (this.#hangs || this.#process?.isSilent !== true) return;
    this.#hangs = true;
    const { pid } = this.#process;
    this.#log.error("the zygote does not answer", { generation: this.number, pid });
    if (this.state === "serving" && this.pool.readyCount > 0) this.#events.onHung(this);
    else this.#process.kill();
  }

  /** Workers that have nothing to do and do not end, or whose end nobody reports, are ended. */
  #checkDrained(now: number): void {
    const { idleSinceMs } = this.pool;
    if (this.state !== "draining" || idleSinceMs === null) return;
    if (now - idleSinceMs > DRAINED_MAX_MS) void this.#end();
  }

  async #end(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    await this.#process?.end(ZYGOTE_END_BOUND_MS);
    for (const handle of this.pool.handles) handle.closeLinks();
    this.#take("emptied");
    this.#events.onEnded(this);
  }
}

function notWanted(): OperatorError {
  return new OperatorError(EXIT_STATUS.moduleNotLoaded, "it is not wanted any more");
}

function workerStatus(handle: WorkerHandle, now: number): WorkerStatus {
  const { number, pid, state, bornAtMs, requestsTaken } = handle;
  return {
    number,
    pid,
    state,
    ageMs: now - bornAtMs,
    requests: requestsTaken,
    rssBytes: pid === null ? null : residentBytes(pid),
    busy: handle.channels.flatMap(({ underWay }) =>
      underWay.map(({ request, activeAtMs }) => ({
        request: request.describe(),
        requestId: request.id,
        ageMs: now - activeAtMs,
      })),
    ),
  };
}
