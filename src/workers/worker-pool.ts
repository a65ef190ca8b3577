/**
 * The workers of one generation: keeps as many as it is told to, replaces what dies or has served
 * its time, ends what hangs.
 *
 * The zygote forks and reaps; here is the grandparent's view, a handle for each worker. Nothing
 * here waits by itself: time passes by `sweep`.
 */
import { constants } from "node:os";
import type { Log } from "../base/log.ts";
import type { Transport, WorkerLink } from "../net/transport.ts";
import type { WorkerChannel } from "./channel.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { GenerationRecord } from "./generation-watch.ts";
import type { Job } from "./job.ts";
import { RespawnPause } from "./respawn-pause.ts";
import {
  causeOfEnd,
  CLOSED_CHANNEL_REASON,
  describeEnd,
  endFields,
  isOwnKill,
  OUTLIVED_REASONS,
  type OutlivedCause,
  type RestartCause,
} from "./worker-end.ts";
import { WorkerHandle } from "./worker-handle.ts";
import {
  channelSettings,
  expiryMs,
  isTooLargeFromBirth,
  type WorkerLifeSettings,
} from "./worker-life.ts";
import { describeGrowth, mebibytes, type MemoryReport } from "./worker-report.ts";
import type { WorkerPoolOwner } from "./worker-pool-owner.ts";
import type { ProcessEnd } from "./zygote.ts";

const { SIGKILL } = constants.signals;
/** From when a worker is to write its stacks, to SIGKILL; and from one to the next. */
const DUMP_TO_KILL_MS = 1_000;
/** What a worker may take to end by itself once it has nothing to do: its atexit functions run. */
const EXIT_MAX_MS = 10_000;
/**
 * How long the channel of a worker that has been reaped stays open: its last answers may still be
 * in it. It would close by itself, but for a program that the application started and that holds
 * its other end.
 */
const LAST_WORDS_MS = 1_000;
/**
 * From the request for a worker until the zygote says that it has forked. It takes milliseconds,
 * but for what the application has registered for a fork.
 */
const FORK_ANSWER_MAX_MS = 5_000;
/** From the first SIGKILL until the zygote says that the worker has ended. */
const REAP_MAX_MS = 3_000;
/** Workers beyond those that are wanted: that leave, or hang in something that does not end. */
const EXTRA_WORKERS_MAX = 32;

export class WorkerPool {
  readonly #transport: Transport;
  readonly #dispatcher: Dispatcher;
  readonly #life: WorkerLifeSettings;
  readonly #startTimeoutMs: number;
  readonly #owner: WorkerPoolOwner;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #handles = new Map<number, WorkerHandle>();
  readonly #byChannel = new Map<WorkerChannel, WorkerHandle>();
  /** Channels of workers that have been reaped, with the time at which they are closed. */
  readonly #lastWords = new Map<WorkerChannel, number>();
  readonly #respawnPause = new RespawnPause();
  /** When workers that were not forked at once are due. */
  #dueForks: number[] = [];
  /** Workers for which links are being made. */
  #linksUnderWay = 0;
  #workersBorn = 0;
  #target = 0;
  #closed = false;
  #idleSinceMs: number | null = null;
  #saidTooLarge = false;
  /** Of channels that are gone. */
  readonly #gone = { answered: 0, failed: 0 };
  #crashes = 0;

  constructor(
    transport: Transport,
    dispatcher: Dispatcher,
    settings: { readonly life: WorkerLifeSettings; readonly startTimeoutMs: number },
    owner: WorkerPoolOwner,
    log: Log,
    now: () => number,
  ) {
    this.#transport = transport;
    this.#dispatcher = dispatcher;
    this.#life = settings.life;
    this.#startTimeoutMs = settings.startTimeoutMs;
    this.#owner = owner;
    this.#log = log;
    this.#now = now;
  }

  get handles(): Iterable<WorkerHandle> {
    return this.#handles.values();
  }

  get channels(): Iterable<WorkerChannel> {
    return this.#byChannel.keys();
  }

  get isEmpty(): boolean {
    return this.#handles.size === 0;
  }

  /** Workers that can take requests. */
  get readyCount(): number {
    return this.#count(({ state }) => state === "ready" || state === "leaving");
  }

  get allReady(): boolean {
    return this.#count(({ state }) => state === "ready") >= this.#target;
  }

  get busyCount(): number {
    return this.#count((handle) => handle.isInService && handle.busy);
  }

  /** Workers that are being started. */
  get startingCount(): number {
    return this.#count(({ state }) => state === "starting") + this.#forksToCome;
  }

  /** What became of its requests, and of its workers, since it was made. */
  get record(): GenerationRecord {
    let { answered, failed } = this.#gone;
    for (const { outcomes } of this.#byChannel.keys()) {
      answered += outcomes.answered;
      failed += outcomes.failed;
    }
    return { answered, failed, crashes: this.#crashes };
  }

  /** The worker that has this channel; null where it is none of this pool. */
  handleOf(channel: WorkerChannel): WorkerHandle | null {
    return this.#byChannel.get(channel) ?? null;
  }

  /** Forks what is missing, retires what is too much: the idle first, and of these the youngest. */
  scaleTo(target: number): void {
    this.#target = target;
    this.fill();
    const inService = [...this.#handles.values()].filter(({ isInService }) => isInService);
    const order = inService.toSorted(
      (a, b) => Number(a.busy) - Number(b.busy) || b.bornAtMs - a.bornAtMs,
    );
    for (const handle of order.slice(0, Math.max(0, inService.length - target))) {
      this.#retire(handle);
    }
  }

  /** Since when nobody here has had anything to do; null while somebody has. */
  get idleSinceMs(): number | null {
    return this.#idleSinceMs;
  }

  /** Whether channels, now and later, are left without new requests. */
  setResting(resting: boolean): void {
    for (const channel of this.#byChannel.keys()) channel.resting = resting;
  }

  reopenLogs(): void {
    for (const channel of this.#byChannel.keys()) channel.reopenLog();
  }

  /** No more forks; every worker finishes what it has, and ends. `onEmpty` follows. */
  close(): void {
    this.#closed = true;
    this.#dueForks = [];
    for (const handle of this.#handles.values()) this.#retire(handle);
    this.#checkEmpty();
  }

  /** The zygote is gone, and every worker with it. @param asked whether it was to end */
  lose(asked: boolean): void {
    for (const handle of this.#handles.values()) {
      handle.take("reaped");
      handle.closeLinks();
      this.#closeLater(handle);
      if (!asked) this.#owner.onRestart("zygote");
    }
    this.#handles.clear();
    this.#dueForks = [];
    if (!asked) this.#crashes++;
    this.#checkEmpty();
  }

  /** Forks what is missing, after `pauseMs`. */
  fill(pauseMs = 0): void {
    if (this.#closed || this.#owner.zygote === null) return;
    // Where there are enough without those that leave, nobody need come in their place.
    if (this.allReady) {
      for (const handle of this.#handles.values()) {
        if (handle.state === "leaving") this.#retire(handle);
      }
    }
    const taken = this.#count((handle) => this.#countsAsOne(handle));
    const room = this.#target + EXTRA_WORKERS_MAX - this.#handles.size;
    const missing = Math.min(this.#target - taken, room) - this.#forksToCome;
    for (let count = 0; count < missing; count++) {
      if (pauseMs > 0) this.#dueForks.push(this.#now() + pauseMs);
      else this.#fork();
    }
  }

  /** Ends what has started, run or ended for too long; does what is due. */
  sweep(): void {
    const now = this.#now();
    for (const handle of this.#handles.values()) this.#sweepWorker(handle, now);
    this.#idleSinceMs =
      this.#count((handle) => handle.busy) > 0 ? null : (this.#idleSinceMs ?? now);
    for (const [channel, atMs] of this.#lastWords) if (now >= atMs) channel.close();
    const dueCount = this.#dueForks.filter((atMs) => now >= atMs).length;
    this.#dueForks = this.#dueForks.filter((atMs) => now < atMs);
    for (let count = 0; count < dueCount; count++) this.#fork();
  }

  channelReady(handle: WorkerHandle, pid: number): void {
    handle.pid ??= pid;
    if (!handle.channelIsReady()) return;
    handle.take("said-ready");
    if (handle.state !== "ready") return;
    // One that has served its time goes when there is one in its place.
    const leaving = [...this.#handles.values()].find((one) => one.state === "leaving");
    if (leaving !== undefined) this.#retire(leaving);
    if (this.allReady) this.#owner.onAllReady();
  }

  /** The client has its answer; whatever the worker hangs in, another is forked now. */
  timedOut(handle: WorkerHandle, job: Job): void {
    this.#log.error("the application did not answer in time; its worker is replaced", {
      request: job.request.describe(),
      requestId: job.request.id,
      pid: handle.pid,
    });
    this.#owner.onHungWorker(handle, job);
    this.#takeOut(handle, "did not answer in time", "timeout");
  }

  channelClosed(
    handle: WorkerHandle,
    channel: WorkerChannel,
    lost: Job | null,
    error: Error | null,
  ): void {
    this.#byChannel.delete(channel);
    this.#lastWords.delete(channel);
    this.#gone.answered += channel.outcomes.answered;
    this.#gone.failed += channel.outcomes.failed;
    if (lost !== null) this.#reportLost(handle, lost);
    if (handle.state === "exited" || handle.asked) return;
    if (lost === null && error === null && this.#hasServedAll(handle)) {
      // It ends by itself, and in order.
      handle.takeOut(this.#now());
      handle.asked = true;
      return;
    }
    if (error === null) this.#takeOut(handle, CLOSED_CHANNEL_REASON, null);
    else this.#takeOut(handle, error.message, "channel");
  }

  requestsReached(handle: WorkerHandle): void {
    this.#replace(handle, "max-requests");
  }

  grewTooLarge(handle: WorkerHandle, report: MemoryReport): void {
    const { pid } = handle;
    const rss = mebibytes(report.rssBytes);
    if (isTooLargeFromBirth(this.#life, report)) {
      // Once, or each worker of the generation would say so.
      if (!this.#saidTooLarge) {
        this.#log.warn("--max-rss is less than what a worker needs to begin with", { pid, rss });
      }
      this.#saidTooLarge = true;
      return;
    }
    const grew = describeGrowth(report.routes);
    this.#log.warn("a worker uses more memory than --max-rss", { pid, rss, grew });
    this.#replace(handle, "max-rss");
  }

  forked(worker: number, pid: number): void {
    const handle = this.#handles.get(worker);
    if (handle !== undefined) handle.pid = pid;
  }

  forkFailed(worker: number, message: string): void {
    const handle = this.#handles.get(worker);
    if (handle === undefined) return;
    const what = "a worker could not be forked";
    if (!this.#owner.isWarmingUp) this.#log.error(what, { cause: message });
    this.#owner.onDied(`before they begin (${message})`, null);
    this.#owner.onRestart("not-forked");
    this.#reaped(handle, true);
  }

  exited(worker: number, end: ProcessEnd): void {
    const handle = this.#handles.get(worker);
    if (handle === undefined) return;
    const inOrder = handle.asked || (this.#hasServedAll(handle) && end.status === 0);
    if (!inOrder) this.#reportEnd(handle, end);
    const cause = handle.cause ?? (inOrder ? null : causeOfEnd(handle, end));
    if (cause !== null && !this.#closed) this.#owner.onRestart(cause);
    this.#reaped(handle, !inOrder);
  }

  /**
   * Whether a worker takes one of the places that there are. Of class `request` also while it ends,
   * so that there are never more than asked for.
   */
  #countsAsOne(handle: WorkerHandle): boolean {
    if (handle.isInService) return true;
    return handle.state === "ending" && handle.reason === null && this.#hasServedAll(handle);
  }

  /** Whether it has had the one request that a worker of class `request` lives for. */
  #hasServedAll(handle: WorkerHandle): boolean {
    return this.#life.workerClass === "request" && handle.requestsTaken > 0;
  }

  get #forksToCome(): number {
    return this.#dueForks.length + this.#linksUnderWay;
  }

  #fork(): void {
    this.#linksUnderWay++;
    const { threads } = this.#life;
    const links = Array.from({ length: threads }, () => this.#transport.createWorkerLink());
    void Promise.allSettled(links).then((results) => {
      this.#linksUnderWay--;
      const made = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      const failed = results.find((one) => one.status === "rejected");
      if (failed === undefined) return this.#forkOver(made);
      for (const link of made) link.close();
      this.#log.error("no link for a worker could be made", { cause: String(failed.reason) });
      this.fill(this.#respawnPause.afterDeath(0) || DUMP_TO_KILL_MS);
    });
  }

  #forkOver(links: readonly WorkerLink[]): void {
    const { zygote, number: generation } = this.#owner;
    const enough = this.#count((handle) => this.#countsAsOne(handle)) >= this.#target;
    if (zygote === null || this.#closed || enough) {
      for (const link of links) link.close();
      return;
    }
    const now = this.#now();
    const handle = new WorkerHandle(++this.#workersBorn, links, now, expiryMs(this.#life, now));
    this.#handles.set(handle.number, handle);
    const settings = { ...channelSettings(this.#life, handle.load), generation };
    for (const link of links) {
      link.onStream((stream) => {
        const channel = this.#dispatcher.addChannel(stream, link, settings, this.#owner.resting);
        handle.channels.push(channel);
        this.#byChannel.set(channel, handle);
        if (handle.state === "ending") endChannel(channel);
      });
    }
    zygote.fork(handle.number, links);
  }

  #sweepWorker(handle: WorkerHandle, now: number): void {
    if (handle.killAtMs !== null && now >= handle.killAtMs) this.#kill(handle, now);
    // Other threads of a worker that is taken out finish what they have.
    if (handle.state === "ending" && handle.killAtMs === null && !handle.busy) {
      handle.killAtMs = now + (handle.asked ? EXIT_MAX_MS : DUMP_TO_KILL_MS);
    }
    if (handle.isOverdue(now, this.#life.drainTimeoutMs)) handle.cutOff();
    if (handle.state === "starting" && now - handle.bornAtMs > this.#startTimeoutMs) {
      const reason = `was not ready within ${this.#startTimeoutMs / 1000} s`;
      this.#takeOut(handle, reason, "start-timeout");
    }
    if (handle.pid === null && now - handle.bornAtMs > FORK_ANSWER_MAX_MS) {
      this.#owner.onZygoteSilent();
    }
    if (handle.expiresAtMs !== null && now >= handle.expiresAtMs) {
      this.#replace(handle, "max-lifetime");
    }
  }

  /** Again and again: what is in an uninterruptible wait ends when that is over. */
  #kill(handle: WorkerHandle, now: number): void {
    handle.killAtMs = now + DUMP_TO_KILL_MS;
    handle.killedAtMs ??= now;
    handle.reason ??= "did not end by itself";
    this.#owner.zygote?.signal(handle.number, SIGKILL);
    if (now - handle.killedAtMs > REAP_MAX_MS) this.#owner.onZygoteSilent();
    this.fill();
  }

  /** Has another fork take the place of a worker, which goes on until that one is ready. */
  #replace(handle: WorkerHandle, cause: OutlivedCause): void {
    if (handle.state !== "ready") return;
    const reason = OUTLIVED_REASONS[cause];
    handle.take("outlived");
    handle.cause = cause;
    handle.reason = reason;
    this.#log.info("a worker is being replaced", { pid: handle.pid, reason });
    this.fill();
  }

  /** No more requests; it answers what it has, and ends. */
  #retire(handle: WorkerHandle): void {
    handle.takeOut(this.#now());
    handle.asked = true;
    for (const channel of handle.channels) endChannel(channel);
  }

  /** No more requests for this worker, which is ended when none of its threads has one. */
  #takeOut(handle: WorkerHandle, reason: string, cause: RestartCause | null): void {
    const wasInService = handle.isInService;
    handle.takeOut(this.#now());
    handle.reason ??= reason;
    handle.cause ??= cause;
    for (const channel of handle.channels) channel.retired = true;
    if (!handle.busy) handle.killAtMs ??= this.#now() + DUMP_TO_KILL_MS;
    // Another takes its place now: what it hangs in may never end.
    if (wasInService) this.fill(this.#pauseAfter(handle));
  }

  #reaped(handle: WorkerHandle, crashed: boolean): void {
    const wasInService = handle.isInService;
    handle.take("reaped");
    handle.closeLinks();
    this.#handles.delete(handle.number);
    this.#closeLater(handle);
    this.fill(crashed && wasInService ? this.#pauseAfter(handle) : 0);
    this.#checkEmpty();
  }

  /**
   * How long to wait before another takes the place of a worker that ended by itself. Not at all
   * where it ended under a request: whoever knows one that kills would stop the site.
   */
  #pauseAfter({ bornAtMs, requestsTaken }: WorkerHandle): number {
    if (requestsTaken > 0) return 0;
    const pauseMs = this.#respawnPause.afterDeath(this.#now() - bornAtMs);
    if (pauseMs > 0 && !this.#owner.isWarmingUp)
      this.#log.warn("workers keep ending at once", { pauseMs });
    return pauseMs;
  }

  #reportLost({ pid, isCutOff }: WorkerHandle, { request }: Job): void {
    const fields = { request: request.describe(), requestId: request.id, pid };
    if (isCutOff) {
      const why = "another has taken its place, and --drain-timeout is over";
      this.#log.warn("a worker was ended while it had a request", { ...fields, why });
    } else if (!this.#closed) {
      this.#log.error("a worker was lost while it had a request", fields);
    }
  }

  #reportEnd(handle: WorkerHandle, end: ProcessEnd): void {
    // One that hung is counted by what became of its request.
    if (!isOwnKill(handle, end)) this.#crashes++;
    this.#owner.onDied(describeEnd(end), handle.pid);
    if (!this.#owner.isWarmingUp) this.#log.error("a worker ended", endFields(handle, end));
  }

  #closeLater(handle: WorkerHandle): void {
    for (const channel of handle.channels) {
      channel.retired = true;
      if (this.#byChannel.has(channel)) this.#lastWords.set(channel, this.#now() + LAST_WORDS_MS);
    }
  }

  #checkEmpty(): void {
    if (this.#closed && this.isEmpty) this.#owner.onEmpty();
  }

  #count(what: (handle: WorkerHandle) => boolean): number {
    let count = 0;
    for (const handle of this.#handles.values()) if (what(handle)) count++;
    return count;
  }
}

function endChannel(channel: WorkerChannel): void {
  channel.retired = true;
  channel.end();
}
