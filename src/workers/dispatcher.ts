/**
 * One queue for all requests, and the choice of the worker that gets the next one: first come,
 * first served, to the least busy. Decides what becomes of the requests of a worker that died.
 *
 * Knows channels, not processes: the supervisor adds them, and hears of those that hang.
 */
import type { AnswerSink, ApplicationRequest } from "./application-request.ts";
import { WorkerChannel } from "./channel.ts";
import type { ChannelOwner } from "./channel-owner.ts";
import type { ChannelSettings } from "./channel-settings.ts";
import { DEATHS_MAX, type Job, Job as NewJob, JobTable } from "./job.ts";
import { JobQueue } from "./job-queue.ts";
import { type QueueWait, QueueWaitRecord } from "./queue-wait.ts";
import type { DescriptorPassage } from "./request-batch.ts";
import { ServiceTime } from "./service-time.ts";
import { WaitEstimate } from "./wait-estimate.ts";
import type { WorkerReport } from "./worker-report.ts";
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
  /** `lost` is the request under which its worker died; null where there was none. */
  onChannelClosed(channel: WorkerChannel, lost: Job | null, error: Error | null): void;
  /** The channel has been sent as many requests as its settings name. Told when the turn ends. */
  onRequestsReached(channel: WorkerChannel): void;
  onRequestFailed(channel: WorkerChannel, request: ApplicationRequest): void;
  onReport(channel: WorkerChannel, report: WorkerReport): void;
}

/** The queue of now. */
export interface Waiting {
  /** Requests that wait; those whose client is gone are counted for a moment longer. */
  readonly count: number;
  readonly oldestMs: number;
}

/** A request is not sent to a worker whose present one has been running for longer than this. */
const RUNNING_MAX_MS = 2;
/**
 * A request that stands behind one that has been running for this long goes to another worker. A
 * worker that is not scheduled for a moment is not meant.
 */
const RUNNING_LONG_MS = 50;
/** The same where another worker has nothing to do. */
const RUNNING_LONG_BESIDE_IDLE_MS = 20;
/** How often it is looked for such requests, as long as requests stand behind others. */
const RELIEF_INTERVAL_MS = 10;
/**
 * A worker that did not answer in time is killed. Where even that does not end it (it waits for a
 * disk or a network file system, and cannot be interrupted), what stands behind its call is taken
 * from it after this time.
 */
const FORSAKEN_MAX_MS = 5_000;
/** A request is refused only where its wait would be longer than it may be by this factor. */
const HOPELESS_FACTOR = 1.25;
const RETRY_AFTER_MAX_SECONDS = 60;

function isIdle({ takesRequests, underWay }: WorkerChannel): boolean {
  return takesRequests && underWay.length === 0;
}

function runLater(delayMs: number, task: () => void): void {
  setTimeout(task, delayMs).unref();
}

export class Dispatcher implements ChannelOwner {
  readonly jobs = new JobTable();
  /**
   * Channels that there may be soon: as many workers are being started, or will be when requests
   * wait. A wait is estimated as if they were there already.
   */
  channelsExpected = 0;
  readonly #limits: DispatcherLimits;
  readonly #events: DispatcherEvents;
  readonly #now: () => number;
  readonly #atTurnEnd: (task: () => void) => void;
  readonly #later: (delayMs: number, task: () => void) => void;
  readonly #queue = new JobQueue();
  readonly #channels: WorkerChannel[] = [];
  readonly #freeIndexes: number[] = [];
  #indexesUsed = 0;
  readonly #serviceTime = new ServiceTime();
  readonly #waitEstimate = new WaitEstimate();
  readonly #queueWait: QueueWaitRecord;
  readonly #requestsReached: WorkerChannel[] = [];
  /** Whether something may stand behind a call that another worker could take. */
  #reliefIsDue = false;
  #unflushed: WorkerChannel[] = [];
  readonly #flush = (): void => this.#flushAll();
  #nowMs: number;

  /** @param later runs a task after a time; it need not keep the process alive */
  constructor(
    limits: DispatcherLimits,
    events: DispatcherEvents,
    now: () => number,
    atTurnEnd: (task: () => void) => void,
    later: (delayMs: number, task: () => void) => void = runLater,
  ) {
    this.#limits = limits;
    this.#events = events;
    this.#now = now;
    this.#nowMs = now();
    this.#queueWait = new QueueWaitRecord(this.#nowMs);
    this.#atTurnEnd = atTurnEnd;
    this.#later = later;
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

  get waiting(): Waiting {
    const oldest = this.#queue.peek();
    const oldestMs = oldest === null ? 0 : this.#now() - oldest.queuedAtMs;
    return { count: this.#queue.length, oldestMs };
  }

  /** Time in the queue, of the requests of the last minute. */
  get queueWait(): QueueWait {
    return this.#queueWait.summarize(this.#now());
  }

  /** When one that was refused may come again (RFC 9110 section 10.2.3): 1 to 60. */
  get retryAfterSeconds(): number {
    const channels = this.#servingChannels();
    const waitMs = this.#waitEstimate.waitMs(this.#now(), this.#queue.length, channels) ?? 0;
    return Math.min(Math.max(Math.ceil(waitMs / 1000), 1), RETRY_AFTER_MAX_SECONDS);
  }

  /**
   * Takes a request on.
   *
   * @returns the job, or null when the queue is full, or when it would wait in it for too long: the
   *   caller answers 503
   */
  submit(request: ApplicationRequest, sink: AnswerSink): Job | null {
    this.#readClock();
    const channel = this.#queue.length === 0 ? this.#leastBusy(request) : null;
    if (channel === null && (!this.#hasRoom() || this.#isHopeless())) return null;
    const job = new NewJob(this.jobs, request, sink, this.#nowMs);
    if (channel === null) {
      if (this.#queue.length === 0) this.#waitEstimate.crowdBegins();
      this.#queue.push(job);
    } else {
      this.#queueWait.observeNone(this.#nowMs);
      this.#sendTo(channel, job);
    }
    return job;
  }

  /**
   * Asks one worker, past the queue, whether its generation has traffic or not. Where the worker
   * dies the answer is "worker-exited": nobody else is asked.
   *
   * @param channel one that `takesProbes`; any other fails in the same way, when this turn ends
   */
  probe(channel: WorkerChannel, request: ApplicationRequest, sink: AnswerSink): Job {
    this.#readClock();
    const job = new NewJob(this.jobs, request, sink, this.#nowMs, true);
    if (channel.takesProbes) channel.send(job);
    else this.#atTurnEnd(() => job.fail(this.jobs, "worker-exited"));
    return job;
  }

  /**
   * Makes a channel of a worker's stream; it gets requests once its worker has said that it is
   * ready, and unless it is resting.
   */
  addChannel(
    stream: ByteStream,
    passage: DescriptorPassage,
    settings: ChannelSettings,
    resting: boolean,
  ): WorkerChannel {
    const index = this.#freeIndexes.pop() ?? this.#indexesUsed++;
    const channel = new WorkerChannel(this, index, stream, passage, settings, resting);
    this.#channels.push(channel);
    return channel;
  }

  /** Requests of clients that wait for an answer, or for the rest of one. */
  *unanswered(): Generator<ApplicationRequest> {
    for (const { sink, isProbe, request } of this.jobs.values()) {
      if (sink !== null && !isProbe) yield request;
    }
  }

  /** Serves the queue: some channel's `resting` has been cleared. */
  takeUp(): void {
    this.#serveQueue();
  }

  scheduleFlush(channel: WorkerChannel): void {
    this.#unflushed.push(channel);
    if (this.#unflushed.length === 1) this.#atTurnEnd(this.#flush);
  }

  onRoom(): void {
    this.#readClock();
    this.#serveQueue();
  }

  onReady(channel: WorkerChannel, pid: number): void {
    this.#events.onChannelReady(channel, pid);
    this.#serveQueue();
    this.#expectRelief();
  }

  onAnswered(channel: WorkerChannel, elapsedUs: number): void {
    // What code without traffic takes says nothing about the code that has it.
    if (!channel.resting) {
      this.#serviceTime.observe(elapsedUs);
      this.#waitEstimate.observe(this.#nowMs, elapsedUs);
    }
    if (this.#reliefIsDue && channel.underWay.length === 0) {
      this.#readClock();
      this.#relieve();
    }
    if (this.#queue.length > 0) this.#serveQueue();
  }

  onRequestFailed(channel: WorkerChannel, { request }: Job): void {
    this.#events.onRequestFailed(channel, request);
  }

  onRequestsReached(channel: WorkerChannel): void {
    this.#requestsReached.push(channel);
  }

  onReport(channel: WorkerChannel, report: WorkerReport): void {
    this.#events.onReport(channel, report);
  }

  onChannelClosed(
    channel: WorkerChannel,
    unanswered: readonly Job[],
    unreadCount: number,
    error: Error | null,
  ): void {
    this.#readClock();
    const at = this.#channels.indexOf(channel);
    if (at >= 0) this.#channels.splice(at, 1);
    this.#freeIndexes.push(channel.index);
    const again: Job[] = [];
    const lost: Job[] = [];
    const readCount = unanswered.length - unreadCount;
    const unread = new Set(unanswered.slice(readCount));
    const suspectCount = channel.suspectCount(unanswered, readCount);
    const { stalled } = channel.progress;
    unanswered.forEach((job, place) => {
      if (job.sink === null) job.finish(this.jobs);
      else if (job.isProbe || job.contentIsTaken) lost.push(job);
      else if (place >= readCount) again.push(job);
      else if (this.#mayRunAgain(job, place < suspectCount, stalled)) again.push(job);
      else lost.push(job);
    });
    // Its wait begins anew where it had its turn; one that no worker ever took in goes on waiting.
    for (const job of again) job.requeue(this.#nowMs, !unread.has(job));
    this.#putBack(again);
    for (const job of lost) channel.countLost(job);
    const under = readCount > 0 && !channel.forsaken ? (unanswered[0] ?? null) : null;
    // At its first death: when the second comes, what this one means is known.
    if (under !== null && !under.isProbe && under.deaths < DEATHS_MAX) {
      this.#events.onRequestFailed(channel, under.request);
    }
    this.#events.onChannelClosed(channel, under, error);
    for (const job of lost) job.fail(this.jobs, "worker-exited");
    this.#serveQueue();
  }

  /** Fails what has waited or run for too long. Called several times a second. */
  sweep(): void {
    this.#nowMs = this.#now();
    for (const job of this.#queue.dropCancelled()) job.finish(this.jobs);
    const queuedBefore = this.#nowMs - this.#limits.queueTimeoutMs;
    for (let job = this.#queue.peek(); job !== null; job = this.#queue.peek()) {
      if (job.queuedAtMs > queuedBefore) break;
      this.#takeFromQueue(job);
      job.fail(this.jobs, "queue-timed-out");
    }
    for (const channel of this.#channels) this.#sweepChannel(channel);
    this.#relieve();
    // The one that was first may have been the only one that had to wait.
    this.#serveQueue();
  }

  #sweepChannel(channel: WorkerChannel): void {
    // Nobody is to wait for a call behind which his request has been answered.
    if (this.#runsFor(channel, RUNNING_LONG_MS) && !channel.paused) channel.readAhead();
    const { forsakenAtMs } = channel;
    if (forsakenAtMs !== null) {
      if (forsakenAtMs <= this.#nowMs - FORSAKEN_MAX_MS) channel.close();
      return;
    }
    const { timeoutMs } = this.#limits;
    const job = channel.underWay[0];
    if (timeoutMs === null || job === undefined || channel.paused) return;
    const runningMs = this.#nowMs - job.activeAtMs;
    if (runningMs < timeoutMs) return;
    // Answers that it has not sent are lost with it, and what it has not begun is not: both are run
    // again.
    const hung = channel.forsake();
    this.#waitEstimate.observe(this.#nowMs, Math.round(runningMs * 1000));
    this.#events.onTimedOut(channel, hung ?? job);
    hung?.fail(this.jobs, "timed-out");
  }

  /**
   * Whether a request whose worker died is sent to another one. An idempotent one may have begun at
   * any place.
   *
   * @param stalled none had begun when it was given up: counted for all, since it may befall the
   *   next worker as well
   */
  #mayRunAgain(job: Job, suspect: boolean, stalled: boolean): boolean {
    const { idempotent } = job.request;
    if (job.answerBegan || (suspect && !idempotent)) return false;
    if (idempotent || stalled) job.deaths++;
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

  /**
   * Whether one more would wait for longer than it may, as far as can be told. Where more workers
   * than requests are there, each is about to get one.
   */
  #isHopeless(): boolean {
    const inFront = this.#queue.length;
    if (inFront <= this.#channels.length) return false;
    const boundMs = this.#limits.queueTimeoutMs * HOPELESS_FACTOR;
    return this.#waitEstimate.exceeds(boundMs, this.#nowMs, inFront, this.#servingChannels());
  }

  #servingChannels(): number {
    let count = 0;
    for (const channel of this.#channels) if (channel.isServing) count++;
    return Math.max(count, this.channelsExpected);
  }

  #sendTo(channel: WorkerChannel, job: Job): void {
    channel.send(job);
    if (channel.underWay.length > 1) this.#expectRelief();
  }

  /** Has it looked again soon at what stands behind a call, if there is another worker. */
  #expectRelief(): void {
    if (this.#reliefIsDue || this.#channels.length === 1) return;
    this.#reliefIsDue = true;
    this.#later(RELIEF_INTERVAL_MS, () => {
      this.#reliefIsDue = false;
      this.#readClock();
      this.#relieve();
      if (this.#channels.some(({ underWay }) => underWay.length > 1)) this.#expectRelief();
    });
  }

  /**
   * Where a call goes on for long, what stands behind it goes to the front of the queue, if there
   * is anybody else to take it.
   */
  #relieve(): void {
    const longMs = this.#channels.some(isIdle) ? RUNNING_LONG_BESIDE_IDLE_MS : RUNNING_LONG_MS;
    const isStuck = (each: WorkerChannel): boolean => this.#runsFor(each, longMs);
    if (!this.#channels.some((each) => each.takesRequests && !isStuck(each))) return;
    const moved = this.#channels
      .filter((channel) => channel.underWay.length > 1 && isStuck(channel))
      .flatMap((channel) => channel.takeBack());
    if (moved.length === 0) return;
    moved.sort((one, other) => one.queuedAtMs - other.queuedAtMs);
    for (const job of moved) job.requeue(this.#nowMs, true);
    this.#putBack(moved);
    this.#serveQueue();
  }

  #runsFor(channel: WorkerChannel, timeMs: number): boolean {
    if (channel.forsaken) return true;
    const hasWork = channel.underWay.length > 0;
    return hasWork && this.#nowMs - channel.oldestSinceMs >= timeMs;
  }

  #serveQueue(): void {
    if (this.#queue.length > 0) this.#readClock();
    for (let job = this.#queue.peek(); job !== null; job = this.#queue.peek()) {
      if (job.sink === null) {
        this.#queue.take();
        job.finish(this.jobs);
        continue;
      }
      const channel = this.#leastBusy(job.request);
      if (channel === null) return;
      if ((job.deaths > 0 || job.moved) && channel.underWay.length > 0) return;
      this.#takeFromQueue(job);
      this.#sendTo(channel, job);
    }
  }

  #putBack(jobs: readonly Job[]): void {
    if (this.#queue.length === 0) this.#waitEstimate.crowdBegins();
    this.#queue.putBack(jobs);
  }

  #takeFromQueue(job: Job): void {
    this.#queue.take();
    job.leaveQueue(this.#nowMs);
    this.#queueWait.observe(this.#nowMs, job.waitedMs);
  }

  /**
   * The channel that should get the next request, or null where it is better to wait: an idle one
   * of the worker that is the least busy, else the shortest of those that a request may wait in.
   */
  #leastBusy(request: ApplicationRequest): WorkerChannel | null {
    let idle: WorkerChannel | null = null;
    let idleLoad = Infinity;
    let best: WorkerChannel | null = null;
    let bestLength = this.#serviceTime.depth;
    for (const channel of this.#channels) {
      if (!channel.takesRequests) continue;
      const length = channel.underWay.length;
      if (length === 0) {
        const load = channel.load.busyChannels;
        if (load === 0) return channel;
        if (load < idleLoad) {
          idle = channel;
          idleLoad = load;
        }
      } else if (length < bestLength && length < channel.depthMax && this.#mayWaitBehind(channel)) {
        best = channel;
        bestLength = length;
      }
    }
    if (idle !== null || best === null) return idle;
    // What cannot be taken back must not stand behind a call that may go on for long, where another
    // worker could run it.
    return this.#channels.length === 1 || request.safe ? best : null;
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
    for (const channel of this.#requestsReached.splice(0)) this.#events.onRequestsReached(channel);
  }
}
