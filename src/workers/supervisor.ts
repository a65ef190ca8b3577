/**
 * Keeps the number of workers that was asked for: starts the zygote, has it fork, replaces what
 * dies, ends what hangs.
 *
 * The gateway is the grandparent of the workers: the zygote forks and reaps them and reports both.
 * Here is the parent's-eye view, a handle for each worker, and the decisions.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Transport, WorkerLink } from "../net/transport.ts";
import type { FileIdentity } from "../net/unix-socket-file.ts";
import type { WorkerChannel } from "./channel.ts";
import { Dispatcher, type DispatcherEvents, type DispatcherLimits } from "./dispatcher.ts";
import type { Job } from "./job.ts";
import { RespawnPause } from "./respawn-pause.ts";
import { nextWorkerState, type WorkerState } from "./worker-state.ts";
import {
  type LoadedApplication,
  type ProcessEnd,
  Zygote,
  type ZygoteEvents,
  type ZygoteSettings,
} from "./zygote.ts";

export interface SupervisorSettings {
  readonly workers: number;
  readonly zygote: Omit<ZygoteSettings, "socketFiles">;
  readonly limits: DispatcherLimits;
}

/** A worker as its grandparent sees it. */
interface WorkerHandle {
  readonly number: number;
  readonly link: WorkerLink;
  readonly bornAtMs: number;
  state: WorkerState;
  pid: number | null;
  channel: WorkerChannel | null;
  wasReady: boolean;
  /** Why it is being ended, for the log; null where it ends by itself. */
  reason: string | null;
  /** When a worker that was asked to end is killed; null where it was not asked. */
  killAtMs: number | null;
}

const SIGABRT = 6;
const SIGKILL = 9;
/** From SIGABRT, which has the worker write its stacks, to SIGKILL. */
const ABORT_TO_KILL_MS = 1_000;
/**
 * How long the channel of a worker that has been reaped stays open: its last answers may still be
 * in it. It would close by itself, but for a program that the application started and that holds
 * its other end.
 */
const LAST_WORDS_MS = 1_000;
/** So many workers may end before they are ready; then the start has failed. */
const DEATHS_AT_START_MAX = 3;
/** How long the zygote may take to end everything that it started. */
const ZYGOTE_END_BOUND_MS = 2_000;

export class Supervisor implements ZygoteEvents, DispatcherEvents {
  readonly dispatcher: Dispatcher;
  readonly #transport: Transport;
  readonly #settings: SupervisorSettings;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #handles = new Map<number, WorkerHandle>();
  readonly #respawnPause = new RespawnPause();
  #zygote: Zygote | null = null;
  #zygoteBornAtMs = 0;
  #workersBorn = 0;
  readonly #respawnTimers = new Set<NodeJS.Timeout>();
  #stopping = false;
  /** Settled when all workers are ready, or cannot get so; null before the start and after it. */
  #starting: PromiseWithResolvers<void> | null = null;
  #started = false;
  #deathsAtStart = 0;
  #socketFiles: readonly FileIdentity[] = [];
  #onWorkersGone: (() => void) | null = null;

  constructor(transport: Transport, settings: SupervisorSettings, log: Log, now: () => number) {
    this.#transport = transport;
    this.#settings = settings;
    this.#log = log;
    this.#now = now;
    this.dispatcher = new Dispatcher(settings.limits, this, now, (task) =>
      transport.atTurnEnd(task),
    );
  }

  /**
   * Loads the application and waits for all workers.
   *
   * @param socketFiles files of the listening sockets, for the zygote to remove should the gateway
   *   be killed
   * @throws {OperatorError} exit status 2, 3 or 4: the application was not loaded; 3: its workers
   *   do not start
   */
  async start(socketFiles: readonly FileIdentity[]): Promise<LoadedApplication> {
    this.#socketFiles = socketFiles;
    const zygote = this.#startZygote();
    const loaded = await zygote.loaded;
    this.#starting = Promise.withResolvers();
    for (let count = 0; count < this.#settings.workers; count++) this.#fork();
    const { startTimeoutMs } = this.#settings.zygote;
    const timer = setTimeout(() => this.#startTimedOut(startTimeoutMs), startTimeoutMs);
    try {
      await this.#starting.promise;
    } finally {
      clearTimeout(timer);
      this.#starting = null;
    }
    this.#started = true;
    return loaded;
  }

  /** What the application registered for a fork may hang, in the zygote too: it is not asked. */
  #startTimedOut(startTimeoutMs: number): void {
    const seconds = startTimeoutMs / 1000;
    this.#starting?.reject(
      cannotStart(`they were not ready within ${seconds} s; see --start-timeout`),
    );
    this.#zygote?.kill();
  }

  /** Ends what has waited, run, started or ended for too long. Called several times a second. */
  sweep(): void {
    this.dispatcher.sweep();
    const now = this.#now();
    const { startTimeoutMs } = this.#settings.zygote;
    for (const handle of this.#handles.values()) {
      if (handle.killAtMs !== null && now >= handle.killAtMs) {
        handle.killAtMs = now + ABORT_TO_KILL_MS;
        this.#zygote?.signal(handle.number, SIGKILL);
      }
      if (handle.state === "starting" && now - handle.bornAtMs > startTimeoutMs) {
        this.#takeOut(handle, `was not ready within ${startTimeoutMs / 1000} s`, SIGKILL);
        this.#checkZygoteForks(handle);
      }
    }
  }

  /**
   * A zygote that has not forked a worker in all that time never will, and cannot end one either.
   * While there are others they go on serving; then it is replaced.
   */
  #checkZygoteForks({ pid }: WorkerHandle): void {
    const serving = [...this.#handles.values()].some(({ state }) => state === "ready");
    if (pid !== null || serving) return;
    this.#log.error("the zygote does not fork");
    this.#zygote?.kill();
  }

  /**
   * Ends all workers and the zygote.
   *
   * @param boundMs what the workers get to finish by themselves; 0 kills them
   */
  async stop(boundMs: number): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#respawnTimers) clearTimeout(timer);
    const gone = new Promise<void>((resolve) => (this.#onWorkersGone = resolve));
    for (const handle of this.#handles.values()) {
      handle.state = nextWorkerState(handle.state, "taken-out");
      handle.channel?.end();
    }
    this.#checkWorkersGone();
    const timer = setTimeout(() => this.#onWorkersGone?.(), boundMs);
    await gone;
    clearTimeout(timer);
    await this.#zygote?.end(ZYGOTE_END_BOUND_MS);
    for (const handle of this.#handles.values()) handle.link.close();
  }

  onForked(worker: number, pid: number): void {
    const handle = this.#handles.get(worker);
    if (handle !== undefined) handle.pid = pid;
  }

  onForkFailed(worker: number, message: string): void {
    const handle = this.#handles.get(worker);
    if (handle === undefined) return;
    this.#log.error("a worker could not be forked", { cause: message });
    this.#reaped(handle);
  }

  onExited(worker: number, end: ProcessEnd): void {
    const handle = this.#handles.get(worker);
    if (handle === undefined) return;
    if (this.#started && !this.#stopping) {
      this.#log.error("a worker ended", {
        pid: handle.pid,
        ...(end.signal === null ? { status: end.status } : { signal: end.signal }),
        ...(handle.reason === null ? {} : { reason: handle.reason }),
      });
    }
    if (!handle.wasReady && ++this.#deathsAtStart >= DEATHS_AT_START_MAX) {
      this.#starting?.reject(cannotStart(`they end ${describeEnd(end)}`));
    }
    this.#reaped(handle);
  }

  onGone(description: string): void {
    this.#zygote = null;
    for (const handle of this.#handles.values()) {
      handle.state = nextWorkerState(handle.state, "reaped");
      handle.link.close();
    }
    this.#handles.clear();
    for (const timer of this.#respawnTimers) clearTimeout(timer);
    this.#respawnTimers.clear();
    this.#checkWorkersGone();
    this.#starting?.reject(cannotStart(`the zygote ${description}`));
    if (this.#stopping || !this.#started) return;
    this.#log.error("the zygote ended, and its workers with it", { how: description });
    this.#later(this.#now() - this.#zygoteBornAtMs, () => void this.#restartZygote());
  }

  onChannelReady(channel: WorkerChannel, pid: number): void {
    const handle = this.#handleOf(channel);
    if (handle === null) return;
    handle.pid ??= pid;
    handle.wasReady = true;
    handle.state = nextWorkerState(handle.state, "said-ready");
    const ready = [...this.#handles.values()].filter(({ state }) => state === "ready").length;
    if (ready === this.#settings.workers) this.#starting?.resolve();
  }

  onTimedOut(channel: WorkerChannel, job: Job): void {
    const handle = this.#handleOf(channel);
    this.#log.error("the application did not answer in time; its worker is replaced", {
      request: job.request.describe(),
      pid: handle?.pid ?? null,
    });
    if (handle !== null) this.#takeOut(handle, "did not answer in time", SIGABRT);
  }

  onChannelClosed(channel: WorkerChannel, lost: Job | null, error: Error | null): void {
    const handle = this.#handleOf(channel);
    if (this.#stopping || handle === null) return;
    if (lost !== null) {
      this.#log.error("a worker was lost while it had a request", {
        request: lost.request.describe(),
        pid: handle.pid,
      });
    }
    const reason = error === null ? "closed its channel" : error.message;
    this.#takeOut(handle, reason, null);
  }

  #startZygote(): Zygote {
    this.#zygoteBornAtMs = this.#now();
    this.#zygote = new Zygote(
      this.#transport,
      { ...this.#settings.zygote, socketFiles: this.#socketFiles },
      this,
    );
    return this.#zygote;
  }

  async #restartZygote(): Promise<void> {
    const zygote = this.#startZygote();
    try {
      await zygote.loaded;
    } catch (error) {
      // `onGone` follows and tries again, later each time.
      this.#log.error("the application did not load", { cause: String(error) });
      return;
    }
    for (let count = 0; count < this.#settings.workers; count++) this.#fork();
  }

  #fork(): void {
    void this.#transport.createWorkerLink().then(
      (link) => this.#forkOver(link),
      (error: unknown) => {
        this.#log.error("no link for a worker could be made", { cause: String(error) });
        this.#later(0, () => this.#fork());
      },
    );
  }

  #forkOver(link: WorkerLink): void {
    const zygote = this.#zygote;
    const enough = this.#handles.size >= this.#settings.workers;
    if (zygote === null || this.#stopping || enough) {
      link.close();
      return;
    }
    const number = ++this.#workersBorn;
    const handle: WorkerHandle = {
      number,
      link,
      bornAtMs: this.#now(),
      state: "starting",
      pid: null,
      channel: null,
      wasReady: false,
      reason: null,
      killAtMs: null,
    };
    this.#handles.set(number, handle);
    link.onStream((stream) => {
      handle.channel = this.dispatcher.addChannel(stream, (file) => link.passFile(file));
    });
    zygote.fork(number, link);
  }

  /**
   * No more requests for this worker; it is told to end, by a signal or by the end of its channel.
   */
  #takeOut(handle: WorkerHandle, reason: string, signal: number | null): void {
    handle.state = nextWorkerState(handle.state, "taken-out");
    handle.reason ??= reason;
    handle.killAtMs ??= this.#now() + ABORT_TO_KILL_MS;
    if (handle.channel !== null) handle.channel.retired = true;
    if (signal !== null) this.#zygote?.signal(handle.number, signal);
  }

  #reaped(handle: WorkerHandle): void {
    handle.state = nextWorkerState(handle.state, "reaped");
    handle.link.close();
    this.#handles.delete(handle.number);
    const { channel } = handle;
    if (channel !== null) setTimeout(() => channel.close(), LAST_WORDS_MS).unref();
    if (this.#stopping) this.#checkWorkersGone();
    else this.#later(this.#now() - handle.bornAtMs, () => this.#fork());
  }

  /** Starts something anew after a pause that grows while what is started keeps dying at once. */
  #later(livedMs: number, start: () => void): void {
    const pauseMs = this.#respawnPause.afterDeath(livedMs);
    if (pauseMs > 0 && this.#started) this.#log.warn("workers keep ending at once", { pauseMs });
    const timer = setTimeout(() => {
      this.#respawnTimers.delete(timer);
      if (!this.#stopping) start();
    }, pauseMs);
    this.#respawnTimers.add(timer);
  }

  #handleOf(channel: WorkerChannel): WorkerHandle | null {
    for (const handle of this.#handles.values()) if (handle.channel === channel) return handle;
    return null;
  }

  #checkWorkersGone(): void {
    if (this.#stopping && this.#handles.size === 0) this.#onWorkersGone?.();
  }
}

function cannotStart(why: string): OperatorError {
  return new OperatorError(
    EXIT_STATUS.moduleNotLoaded,
    `the application was imported, but its workers do not start: ${why}`,
  );
}

function describeEnd({ status, signal }: ProcessEnd): string {
  return signal === null ? `with status ${status}` : `by signal ${signal}`;
}
