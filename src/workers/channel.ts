/**
 * The gateway's end of one worker's channel: sends batches of requests, takes the answers apart as
 * they come.
 *
 * Owns the order: answers come in the order in which the requests were sent, and a frame whose
 * address is not the one of the oldest request under way ends the channel. Knows nothing of
 * processes; the supervisor tells it when its worker is gone by closing the stream.
 */
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import { lentContentOf } from "./application-request.ts";
import { ChannelLoan } from "./channel-loan.ts";
import type { ChannelOwner } from "./channel-owner.ts";
import { ChannelProgress } from "./channel-progress.ts";
import type { ChannelSettings, WorkerLoad } from "./channel-settings.ts";
import type { OutcomeCount } from "./generation-watch.ts";
import { takeInterim } from "./interim-frame.ts";
import type { Job, JobChannel } from "./job.ts";
import {
  encodeCancel,
  encodeReopen,
  FLAG_CONTENT_LENGTH,
  FRAME_HEAD_MAX_BYTES,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  frameContentLength,
  FRAME_OFFSET,
  isHeadAlone,
} from "./protocol.ts";
import { type DescriptorPassage, RequestBatch } from "./request-batch.ts";
import { parseWorkerReport } from "./worker-report.ts";

/** What a batch is written to; it grows where it has to. */
const BATCH_CAPACITY_BYTES = 65_536;
/** A batch that is larger leaves at once: only then is it known whether the worker has room. */
const BATCH_BYTES_MAX = 131_072;
/** Where one request at a time is sent: there may be many such channels, and short lives. */
const SINGLE_CAPACITY_BYTES = 4_096;

const SERVER_ERROR_MIN = 500;
const US_PER_MS = 1_000;
const INCOMPLETE = -1;

export class WorkerChannel implements ByteStreamHandler, JobChannel {
  /** Distinguishes the channels of a dispatcher; used again after a channel is gone. */
  readonly index: number;
  /** Requests sent and not answered, oldest first. */
  readonly underWay: Job[] = [];
  ready = false;
  workerPid: number | null = null;
  readonly workerGeneration: number;
  workedUs = 0;
  /** No new requests: it is being taken out of service. */
  retired = false;
  /** No new requests: its generation has no traffic, now or any more. */
  resting: boolean;
  /** Since when its worker is to be ended, because it has not answered in time. */
  forsakenAtMs: number | null = null;
  /** Since when its oldest request is its oldest. */
  oldestSinceMs = 0;
  /** Requests that were ever sent to it, probes included. */
  requestsTaken = 0;
  /** What became of them, but for probes. */
  readonly outcomes: OutcomeCount = { answered: 0, failed: 0 };
  readonly load: WorkerLoad;
  readonly progress: ChannelProgress;
  /** Requests that it may have under way at once, whatever was learnt. */
  readonly depthMax: number;
  /** All that the worker ever sent or kept has been read: no other answer was given. */
  readToEnd = false;
  readonly #owner: ChannelOwner;
  readonly #stream: ByteStream;
  readonly #batch: RequestBatch;
  readonly #loan: ChannelLoan;
  readonly #requestsMax: number;
  #recycleAfter: number;
  #busy = false;
  /** Requests in the batch that was sent last; 0 where something else was sent after it. */
  #lastBatchLength = 0;
  #pausedBy: Job | null = null;
  #violation: Error | null = null;
  /** A frame's header and head, as far as they have come, while they are incomplete. */
  #partial: Buffer | null = null;
  /** Content bytes of the present frame that have not come, and what it means once they have. */
  #contentRemaining = 0;
  #frameCompletes = false;
  #frameElapsedUs = 0;
  /** Whether the head of the present answer has a status that says that the application failed. */
  #headFails = false;

  constructor(
    owner: ChannelOwner,
    index: number,
    stream: ByteStream,
    passage: DescriptorPassage,
    settings: ChannelSettings,
    resting: boolean,
  ) {
    this.#owner = owner;
    this.index = index;
    this.#stream = stream;
    this.load = settings.load;
    this.workerGeneration = settings.generation;
    this.resting = resting;
    this.depthMax = settings.depthMax ?? Infinity;
    this.#requestsMax = settings.requestsMax ?? Infinity;
    this.#recycleAfter = settings.recycleAfter ?? Infinity;
    const capacityBytes = settings.depthMax === 1 ? SINGLE_CAPACITY_BYTES : BATCH_CAPACITY_BYTES;
    this.#loan = new ChannelLoan(passage);
    this.progress = new ChannelProgress(settings.openProgress);
    this.#batch = new RequestBatch(index, passage, capacityBytes);
    stream.handler = this;
  }

  /** Whether a new request can be given to it, as far as the channel can tell. */
  get takesRequests(): boolean {
    // What the worker has not read yet would only lie in memory here.
    return !this.resting && this.#stream.unsentBytes === 0 && this.takesProbes;
  }

  /** The same, but for its generation's having no traffic. */
  get takesProbes(): boolean {
    return (
      this.ready && !this.retired && this.requestsTaken < this.#requestsMax && !this.#stream.closed
    );
  }

  /** Whether it works on what is queued: now, or as soon as it has done what it has. */
  get isServing(): boolean {
    if (!this.ready || this.resting || this.forsaken) return false;
    return this.takesProbes || this.underWay.length > 0;
  }

  /** It has not answered in time, and is to be ended. */
  get forsaken(): boolean {
    return this.forsakenAtMs !== null;
  }

  /** Adds a request to the batch that leaves at the end of this turn. */
  send(job: Job): void {
    const { nowMs } = this.#owner;
    job.sendTo(this, nowMs, this.#busy ? nowMs - this.oldestSinceMs : 0);
    this.underWay.push(job);
    if (!this.#busy) {
      this.#busy = true;
      this.load.busyChannels++;
      this.oldestSinceMs = job.activeAtMs;
    }
    // A worker's share is of the clients' requests.
    if (job.isProbe) this.#recycleAfter++;
    if (++this.requestsTaken === this.#recycleAfter) this.#owner.onRequestsReached(this);
    this.#batch.add(job);
    if (this.#batch.bytes >= BATCH_BYTES_MAX) this.flush();
    else if (this.#batch.length === 1) this.#owner.scheduleFlush(this);
  }

  /** Sends the batch. */
  flush(): void {
    const batch = this.#batch;
    // What cannot leave any more stays a batch, so that its requests are known not to have begun.
    if (batch.length === 0 || this.#stream.closed) return;
    this.#lastBatchLength = batch.length;
    batch.sendOver(this.#stream);
  }

  /**
   * Takes back what the worker is not at and may move to another one: what stands behind that, and
   * what it has answered without having sent it. This one is told to leave it out; what it answers
   * all the same is for nobody.
   */
  takeBack(): Job[] {
    this.flush();
    const present = this.progress.placeAmong(this.underWay);
    const moved = this.underWay.filter((job, place) => {
      return place !== present && job !== this.#pausedBy && job.mayMove;
    });
    const runningMs = this.#owner.nowMs - this.oldestSinceMs;
    for (const job of moved) {
      const standIn = job.leaveStandIn(this.#owner.jobs, runningMs);
      this.underWay[this.underWay.indexOf(job)] = standIn;
      this.cancelJob(standIn);
    }
    return moved;
  }

  /**
   * Takes the request that the worker is at away from it, which is to be ended: what it may still
   * send of that is not for anybody.
   *
   * @returns null where it has begun none of those that it has, and they get one more worker
   */
  forsake(): Job | null {
    this.retired = true;
    const { nowMs } = this.#owner;
    const job = this.progress.takeFrom(this.underWay);
    job?.endWait();
    this.workedUs = (this.workedUs + (nowMs - this.oldestSinceMs) * US_PER_MS) | 0;
    this.forsakenAtMs = this.oldestSinceMs = nowMs;
    if (job !== null) this.#count(job, true);
    return job;
  }

  /**
   * How many of those that were read may not be run again, unless they are idempotent. Where some
   * of what it sent may be lost, any of them may have been answered.
   */
  suspectCount(unanswered: readonly Job[], readCount: number): number {
    return this.readToEnd ? this.progress.suspectCount(unanswered, this.forsaken) : readCount;
  }

  /** Counts one that died with the worker, and is not run again. */
  countLost({ isProbe }: Job): void {
    if (isProbe) return;
    this.outcomes.answered++;
    this.outcomes.failed++;
  }

  /**
   * Has the worker open its log file again, by its name: somebody has moved the one that it writes
   * to.
   */
  reopenLog(): void {
    this.#sendAlone(encodeReopen());
  }

  /** Tells the worker to answer what it has and to exit. */
  end(): void {
    this.flush();
    this.#stream.end();
  }

  close(): void {
    this.#stream.close();
  }

  cancelJob(job: Job): void {
    this.#sendAlone(encodeCancel(job.slot, job.generation));
  }

  pauseFor(job: Job): void {
    if (this.#pausedBy !== null || this.underWay[0] !== job) return;
    this.#pausedBy = job;
    this.#stream.pauseReading();
  }

  resumeFor(job: Job): void {
    if (this.#pausedBy !== job) return;
    this.#pausedBy = null;
    job.activeAtMs = this.#owner.nowMs;
    this.#stream.resumeReading();
  }

  /** Whether the oldest request's receiver, not the worker, is what it waits for. */
  get paused(): boolean {
    return this.#pausedBy !== null;
  }

  onBytes(bytes: Buffer, end: number): void {
    this.#take(bytes, this.progress.passOver(end), end);
  }

  #take(bytes: Buffer, start: number, end: number): void {
    let from = start;
    let until = end;
    let source = bytes;
    if (this.#partial !== null) {
      source = Buffer.concat([this.#partial, bytes.subarray(start, end)]);
      from = 0;
      until = source.length;
      this.#partial = null;
    }
    while (from < until) {
      if (this.#contentRemaining > 0) {
        const piece = Math.min(this.#contentRemaining, until - from);
        this.#takeContent(source, from, from + piece);
        from += piece;
        continue;
      }
      const next = this.#takeFrame(source, from, until);
      if (this.#stream.closed) return;
      if (next === INCOMPLETE) {
        this.#partial = Buffer.from(source.subarray(from, until));
        return;
      }
      from = next;
    }
  }

  /**
   * The worker sends nothing after its end; its exit is reported by its parent. What it had done
   * is where it kept that.
   */
  onEnd(): void {
    this.retired = true;
    this.readToEnd = this.readAhead() && !this.#stream.closed;
    this.#stream.close();
  }

  /**
   * Takes what the worker has done and not sent, since it is long at something else, or gone.
   *
   * @returns whether that can be known
   */
  readAhead(): boolean {
    const kept = this.progress.readAhead(this.#stream.receivedBytes);
    if (kept !== null) this.#take(kept, 0, kept.length);
    return kept !== null;
  }

  onDrain(): void {
    this.#owner.onRoom();
  }

  onClose(error: Error | null): void {
    const unanswered = this.underWay.splice(0);
    this.#pausedBy = null;
    this.#becomeIdle();
    // A worker reads a batch whole before it begins it.
    const leftBehind = this.#stream.unreadByPeer ? this.#lastBatchLength : 0;
    const unreadCount = Math.min(this.#batch.length + leftBehind, unanswered.length);
    this.#owner.onChannelClosed(this, unanswered, unreadCount, this.#violation ?? error);
    this.progress.close();
  }

  /**
   * Takes the frame that begins at `from`, with as much of its content as has come.
   *
   * @returns where the next one begins, or {@link INCOMPLETE} while the header or the head is
   */
  #takeFrame(bytes: Buffer, from: number, until: number): number {
    if (until - from < FRAME_HEADER_BYTES) return INCOMPLETE;
    const kind = bytes.readUInt8(from + FRAME_OFFSET.kind);
    const headLength = bytes.readUInt32LE(from + FRAME_OFFSET.headLength);
    const headStart = from + FRAME_HEADER_BYTES;
    const headEnd = headStart + headLength;
    if (headLength > FRAME_HEAD_MAX_BYTES) return this.#broken("a head that is too large");
    if (headEnd > until) return INCOMPLETE;
    if (kind === FRAME_KIND.ready) {
      if (this.ready) return this.#broken("that it is ready for a second time");
      this.ready = true;
      this.workerPid = bytes.readUInt32LE(from + FRAME_OFFSET.slot);
      this.progress.begin(this.workerPid, bytes.readUInt32LE(from + FRAME_OFFSET.generation));
      this.#owner.onReady(this, this.workerPid);
      return headEnd;
    }
    const job = this.underWay[0];
    if (kind === FRAME_KIND.report) return this.#takeReport(job, bytes, from, headEnd);
    if (
      job === undefined ||
      job.slot !== bytes.readUInt32LE(from + FRAME_OFFSET.slot) ||
      job.generation !== bytes.readUInt32LE(from + FRAME_OFFSET.generation)
    ) {
      return this.#broken("an answer to a request that it does not have");
    }
    const bodyLength = bytes.readUInt32LE(from + FRAME_OFFSET.bodyLength);
    if (kind === FRAME_KIND.interim) {
      const violation = takeInterim(job, bytes, from, headEnd);
      return violation === null ? headEnd : this.#broken(violation);
    }
    const hasMore = bodyLength > 0 || (headLength > 0 && kind < FRAME_KIND.sent);
    if (kind >= FRAME_KIND.end && hasMore) return this.#broken("an end with something in it");
    job.activeAtMs = this.#owner.nowMs;
    this.#frameElapsedUs = bytes.readUInt32LE(from + FRAME_OFFSET.elapsedUs);
    if (this.#loan.concerns(job, kind)) {
      const violation = this.#loan.take(job, kind, bytes, from);
      if (violation !== null) return this.#broken(violation);
      if (job.isLeft) this.#finish(job, kind);
      return headEnd;
    }
    switch (kind) {
      case FRAME_KIND.response:
      case FRAME_KIND.head:
        return this.#takeHead(job, bytes, from, headEnd, until, bodyLength);
      case FRAME_KIND.chunk:
        if (!job.answerBegan) return this.#broken("content before a head");
        this.#contentRemaining = bodyLength;
        this.#frameCompletes = false;
        return headEnd;
      default:
        this.#finish(job, kind);
        return headEnd;
    }
  }

  /** @param oldest the request that the worker may be about to begin, or has begun */
  #takeReport(oldest: Job | undefined, bytes: Buffer, from: number, headEnd: number): number {
    if (!this.ready) return this.#broken("a report before it was ready");
    if (oldest?.answerBegan === true) return this.#broken("a report within an answer");
    if (!isHeadAlone(bytes, from)) return this.#broken("a report with something else in it");
    const report = parseWorkerReport(bytes, from + FRAME_HEADER_BYTES, headEnd);
    if (report === null) return this.#broken("a report that cannot be read");
    this.#owner.onReport(this, report);
    return headEnd;
  }

  #takeHead(
    job: Job,
    bytes: Buffer,
    from: number,
    headEnd: number,
    until: number,
    bodyLength: number,
  ): number {
    if (job.answerBegan) return this.#broken("a second head");
    const status = bytes.readUInt16LE(from + FRAME_OFFSET.status);
    if (status < 200 || status > 599) return this.#broken("a status out of range");
    let contentLength: number | null = null;
    if ((bytes.readUInt8(from + FRAME_OFFSET.flags) & FLAG_CONTENT_LENGTH) !== 0) {
      contentLength = frameContentLength(bytes, from);
      if (!Number.isSafeInteger(contentLength)) return this.#broken("a length out of range");
    }
    const last = bytes[from + FRAME_OFFSET.kind] === FRAME_KIND.response;
    const contentEnd = Math.min(until, headEnd + bodyLength);
    this.#contentRemaining = bodyLength - (contentEnd - headEnd);
    this.#frameCompletes = last;
    job.headUs = this.#frameElapsedUs;
    const complete = last && this.#contentRemaining === 0;
    const headStart = from + FRAME_HEADER_BYTES;
    job.answerBegan = true;
    this.#headFails = status >= SERVER_ERROR_MIN;
    const sink = job.sink;
    // The job ends first: what the sink starts in its stead must find this channel free.
    if (complete) this.#release(job);
    sink?.onAnswerHead(status, contentLength, bytes, headStart, headEnd, contentEnd, complete);
    return contentEnd;
  }

  #takeContent(bytes: Buffer, start: number, end: number): void {
    const job = this.underWay[0];
    if (job === undefined) return;
    this.#contentRemaining -= end - start;
    job.activeAtMs = this.#owner.nowMs;
    job.sink?.onAnswerContent(bytes, start, end);
    if (this.#contentRemaining > 0 || !this.#frameCompletes) return;
    this.#finish(job, FRAME_KIND.end);
  }

  #finish(job: Job, kind: number): void {
    const { sink, answerBegan } = job;
    // An end without a head is what becomes of a request that nobody waits for any more.
    if (kind !== FRAME_KIND.end || (!answerBegan && sink !== null)) this.#headFails = true;
    this.#release(job);
    if (job.isLeft) return lentContentOf(job.request)?.onLeft();
    if (sink === null) return;
    if (kind === FRAME_KIND.end && answerBegan) sink.onAnswerEnd();
    else sink.onAnswerFailure(answerBegan ? "application-aborted" : "application-error");
  }

  #release(job: Job): void {
    const elapsedUs = this.#frameElapsedUs;
    this.resumeFor(job);
    this.underWay.shift();
    this.#count(job, this.#headFails);
    this.#headFails = false;
    job.applicationUs = elapsedUs;
    job.finish(this.#owner.jobs);
    this.workedUs = (this.workedUs + elapsedUs) | 0;
    const next = this.underWay[0];
    if (next !== undefined) next.activeAtMs = this.oldestSinceMs = this.#owner.nowMs;
    // What it hangs in is not among them.
    else if (!this.forsaken) this.#becomeIdle();
    this.#owner.onAnswered(this, elapsedUs);
  }

  #becomeIdle(): void {
    if (!this.#busy) return;
    this.#busy = false;
    this.load.busyChannels--;
    // Behind the last one that it may have: its worker is told to exit.
    if (this.requestsTaken >= this.#requestsMax) this.#stream.end();
  }

  /** What became of a request. */
  #count(job: Job, failed: boolean): void {
    if (!job.isCounted) return;
    this.outcomes.answered++;
    if (!failed) return;
    this.outcomes.failed++;
    this.#owner.onRequestFailed(this, job);
  }

  /** Sends what is no batch. The present batch goes first, so that the order stays. */
  #sendAlone(frame: Buffer): void {
    this.flush();
    // Whether the worker has read that batch cannot be told from what it left unread any more.
    this.#lastBatchLength = 0;
    this.#stream.write(frame, 0, frame.length);
  }

  /**
   * A worker that breaks the protocol is not to be trusted with anything: its stream is closed, and
   * so it ends.
   */
  #broken(what: string): number {
    this.#violation = new Error(`the worker sent ${what}`);
    this.#stream.close();
    return INCOMPLETE;
  }
}
