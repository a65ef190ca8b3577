/**
 * One queue for all requests, and the choice of the worker that gets the next one: first come,
 * first served, to the least busy. Decides what becomes of the requests of a worker that died.
 *
 * Knows channels, not processes: the supervisor adds them, and hears of those that hang.
 */
import type { AnswerSink, ApplicationRequest } from "./application-request.ts";
import { type ChannelOwner, WorkerChannel } from "./channel.ts";
import type { PassFile } from "./channel.ts";
import { type Job, Job as NewJob, JobTable } from "./job.ts";
import { JobQueue } from "./job-queue.ts";
import { ServiceTime } from "./service-time.ts";
import type { ByteStream } from "../net/byte-stream.ts";

export interface DispatcherLimits {
  /** Requests that may wait for a worker; one more is answered 503. */
  readonly queueLengthMax: number;
  /** How long one may wait; then 503. */
  readonly queueTimeoutMs: number;
  /**
   * How long the application may take to begin its answer, and between two pieces of it; null for
   * ever.
   */
  readonly timeoutMs: number | null;
}

/** What the dispatcher reports to the supervisor. */
export interface DispatcherEvents {
  onChannelReady(channel: WorkerChannel, pid: number): void;
  /**
   * The channel's worker has not answered `job` in time. It gets no more requests and is to be
   * ended.
   */
  onTimedOut(channel: WorkerChannel, job: Job): void;
  onChannelClosed(channel: WorkerChannel, lost: Job | null, error: Error | null): void;
}

/** A request is not sent to a worker whose present one has been running for longer than this. */
const RUNNING_MAX_MS = 2;
/** How often a request may be sent to workers that die under it. */
const DEATHS_MAX = 2;

export class Dispatcher implements ChannelOwner {
  readonly jobs = new JobTable();
  readonly #limits: DispatcherLimits;
  readonly #events: DispatcherEvents;
  readonly #now: () => number;
  readonly #atTurnEnd: (task: () => void) => void;
  readonly #queue = new JobQueue();
  readonly #channels: WorkerChannel[] = [];
  readonly #freeIndexes: number[] = [];
  #indexesUsed = 0;
  readonly #serviceTime = new ServiceTime();
  #unflushed: WorkerChannel[] = [];
  readonly #flush = (): void => this.#flushAll();
  #nowMs: number;

  constructor(
    limits: DispatcherLimits,
    events: DispatcherEvents,
    now: () => number,
    atTurnEnd: (task: () => void) => void,
  ) {
    this.#limits = limits;
    this.#events = events;
    this.#now = now;
    this.#nowMs = now();
    this.#atTurnEnd = atTurnEnd;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Requests that wait for a worker. */
  get queueLength(): number {
    return this.#queue.length;
  }

  get idle(): boolean {
    return this.jobs.size === 0;
  }

  /**
   * Takes a request on.
   *
   * @returns the job, or null when the queue is full: the caller answers 503
   */
  submit(request: ApplicationRequest, sink: AnswerSink): Job | null {
    this.#readClock();
    const channel = this.#queue.length === 0 ? this.#leastBusy() : null;
    if (channel === null && !this.#hasRoom()) return null;
    const job = new NewJob(this.jobs, request, sink, this.#nowMs);
    if (channel === null) this.#queue.push(job);
    else channel.send(job);
    return job;
  }

  /**
   * Makes a channel of a worker's stream; it gets requests once its worker has said that it is
   * ready.
   */
  addChannel(stream: ByteStream, passFile: PassFile): WorkerChannel {
    const index = this.#freeIndexes.pop() ?? this.#indexesUsed++;
    const channel = new WorkerChannel(this, index, stream, passFile);
    this.#channels.push(channel);
    return channel;
  }

  scheduleFlush(channel: WorkerChannel): void {
    this.#unflushed.push(channel);
    if (this.#unflushed.length === 1) this.#atTurnEnd(this.#flush);
  }

  onReady(channel: WorkerChannel, pid: number): void {
    this.#events.onChannelReady(channel, pid);
    this.#serveQueue();
  }

  onAnswered(_channel: WorkerChannel, elapsedUs: number): void {
    this.#serviceTime.observe(elapsedUs);
    if (this.#queue.length > 0) this.#serveQueue();
  }

  onChannelClosed(
    channel: WorkerChannel,
    unanswered: readonly Job[],
    unreadCount: number,
    error: Error | null,
  ): void {
    const at = this.#channels.indexOf(channel);
    if (at >= 0) this.#channels.splice(at, 1);
    this.#freeIndexes.push(channel.index);
    const again: Job[] = [];
    const lost: Job[] = [];
    const readCount = unanswered.length - unreadCount;
    const unread = new Set(unanswered.slice(readCount));
    const suspectCount = this.#suspectCount(channel, readCount);
    unanswered.forEach((job, place) => {
      if (job.sink === null) job.finish(this.jobs);
      else if (place >= readCount || this.#mayRunAgain(job, place < suspectCount)) again.push(job);
      else lost.push(job);
    });
    // Its wait begins anew where it had its turn; one that no worker ever took in goes on waiting.
    for (const job of again) job.requeue(unread.has(job) ? job.queuedAtMs : this.#nowMs);
    this.#queue.putBack(again);
    this.#events.onChannelClosed(channel, readCount > 0 ? (unanswered[0] ?? null) : null, error);
    for (const job of lost) job.fail(this.jobs, "worker-exited");
    this.#serveQueue();
  }

  /** Fails what has waited or run for too long. Called several times a second. */
  sweep(): void {
    this.#nowMs = this.#now();
    const queuedBefore = this.#nowMs - this.#limits.queueTimeoutMs;
    for (let job = this.#queue.peek(); job !== null; job = this.#queue.peek()) {
      if (job.sink !== null && job.queuedAtMs > queuedBefore) break;
      this.#queue.take();
      job.fail(this.jobs, "queue-timed-out");
    }
    const { timeoutMs } = this.#limits;
    if (timeoutMs === null) return;
    for (const channel of this.#channels) {
      const job = channel.underWay[0];
      if (job === undefined || channel.paused || channel.retired) continue;
      if (job.activeAtMs > this.#nowMs - timeoutMs) continue;
      channel.forsake();
      this.#events.onTimedOut(channel, job);
      job.fail(this.jobs, "timed-out");
    }
  }

  /**
   * How many of a dead worker's requests, from the oldest on, may have begun although they are not
   * idempotent: a worker sends all its answers before it begins such a request
   * (docs/worker-protocol.md). So it is the oldest alone, unless answers may have been lost; and
   * not even that one where it stood behind a call that hung.
   */
  #suspectCount(channel: WorkerChannel, readCount: number): number {
    if (!channel.readToEnd) return readCount;
    return channel.forsaken ? 0 : 1;
  }

  /**
   * Whether a request whose worker died is sent to another one. An idempotent one may have begun at
   * any place.
   */
  #mayRunAgain(job: Job, suspect: boolean): boolean {
    if (job.answerBegan) return false;
    if (job.request.idempotent) job.deaths++;
    else if (suspect) return false;
    return job.deaths < DEATHS_MAX;
  }

  /**
   * Whether one more can wait. Those that nobody waits for any more give their places up when they
   * are needed.
   */
  #hasRoom(): boolean {
    if (this.#queue.length < this.#limits.queueLengthMax) return true;
    for (const job of this.#queue.dropCancelled()) job.finish(this.jobs);
    return this.#queue.length < this.#limits.queueLengthMax;
  }

  #serveQueue(): void {
    if (this.#queue.length > 0) this.#readClock();
    for (let job = this.#queue.peek(); job !== null; job = this.#queue.peek()) {
      if (job.sink === null) {
        this.#queue.take();
        job.finish(this.jobs);
        continue;
      }
      const channel = this.#leastBusy();
      if (channel === null || (job.deaths > 0 && channel.underWay.length > 0)) return;
      this.#queue.take();
      channel.send(job);
    }
  }

  /** The worker that should get the next request, or null where it is better to wait. */
  #leastBusy(): WorkerChannel | null {
    const depth = this.#serviceTime.depth;
    let best: WorkerChannel | null = null;
    let bestLength = depth;
    for (const channel of this.#channels) {
      if (!channel.takesRequests) continue;
      const length = channel.underWay.length;
      if (length === 0) return channel;
      if (length < bestLength && this.#mayWaitBehind(channel)) {
        best = channel;
        bestLength = length;
      }
    }
    return best;
  }

  #mayWaitBehind(channel: WorkerChannel): boolean {
    const running = channel.underWay[0];
    if (running === undefined) return true;
    if (channel.paused || running.answerBegan || running.deaths > 0) return false;
    return this.#nowMs - running.activeAtMs <= RUNNING_MAX_MS;
  }

  /** Once for each batch: requests that leave together were sent at the same time. */
  #readClock(): void {
    if (this.#unflushed.length === 0) this.#nowMs = this.#now();
  }

  #flushAll(): void {
    this.#nowMs = this.#now();
    const channels = this.#unflushed;
    this.#unflushed = [];
    for (const channel of channels) channel.flush();
  }
}
