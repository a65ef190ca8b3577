/**
 * The gateway's end of one worker's channel: sends batches of requests, takes the answers apart as
 * they come.
 *
 * Owns the order: answers come in the order in which the requests were sent, and a frame whose
 * address is not the one of the oldest request under way ends the channel. Knows nothing of
 * processes; the supervisor tells it when its worker is gone by closing the stream.
 */
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import type { EnvironTemplate, SpooledContent } from "./application-request.ts";
import type { Job, JobChannel, JobTable } from "./job.ts";
import { MarshalWriter } from "./marshal-writer.ts";
import {
  encodeCancel,
  FLAG_CONTENT_LENGTH,
  FRAME_HEAD_MAX_BYTES,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  FRAME_OFFSET,
  INTERIM_ANSWERS_MAX,
  INTERIM_HEADS_MAX_BYTES,
  NO_TEMPLATE,
  TEMPLATES_MAX,
} from "./protocol.ts";

/** What a channel needs from the world around it. */
export interface ChannelOwner {
  readonly jobs: JobTable;
  /** Milliseconds, monotonic; may be as old as the last turn. */
  readonly nowMs: number;
  /** Calls `flush` once at the end of this turn. */
  scheduleFlush(channel: WorkerChannel): void;
  /** The worker's first frame: it can be sent requests. */
  onReady(channel: WorkerChannel, pid: number): void;
  /** One request fewer is under way; `elapsedUs` is the application's time for it. */
  onAnswered(channel: WorkerChannel, elapsedUs: number): void;
  /**
   * The stream is closed. `unanswered` are the requests under way, oldest first; only the first can
   * have begun to be answered, and the last `unreadCount` were not taken in by the worker.
   */
  onChannelClosed(
    channel: WorkerChannel,
    unanswered: readonly Job[],
    unreadCount: number,
    error: Error | null,
  ): void;
}

/**
 * Hands a file over to the worker and returns the path that the worker opens, or null when it was
 * sent as a descriptor.
 */
export type PassFile = (file: SpooledContent) => string | null;

const REQUEST_TUPLE_LENGTH = 9;
/**
 * Where a batch's first request is written: behind the frame's length and the list's type and
 * count.
 */
const BATCH_PREFIX_BYTES = 9;
const WRITER_CAPACITY_BYTES = 65_536;
/** A batch buffer that a large request made grow beyond this is given back after it was sent. */
const WRITER_KEEP_MAX_BYTES = 1_048_576;

const EARLY_HINTS = 103;
const INCOMPLETE = -1;

export class WorkerChannel implements ByteStreamHandler, JobChannel {
  /** Distinguishes the channels of a dispatcher; used again after a channel is gone. */
  readonly index: number;
  /** Requests sent and not answered, oldest first. */
  readonly underWay: Job[] = [];
  ready = false;
  /** No new requests: it is being taken out of service. */
  retired = false;
  /** Its oldest request was taken away from it, which the worker has not answered. */
  forsaken = false;
  /**
   * Everything that the worker ever sent has been read: an answer that did not come was not given.
   */
  readToEnd = false;
  readonly #owner: ChannelOwner;
  readonly #stream: ByteStream;
  readonly #passFile: PassFile;
  readonly #templates: (EnvironTemplate | null)[] = [];
  #templateHand = 0;
  #writer = new MarshalWriter(WRITER_CAPACITY_BYTES);
  #batchLength = 0;
  /** Requests in the batch that was sent last; 0 where something else was sent after it. */
  #lastBatchLength = 0;
  #pausedBy: Job | null = null;
  #violation: Error | null = null;
  /** A frame's header and head, as far as they have come, while they are incomplete. */
  #partial: Buffer | null = null;
  /**
   * Content bytes of the present frame that have not come yet, and what the frame means once they
   * have.
   */
  #contentRemaining = 0;
  #frameCompletes = false;
  #frameElapsedUs = 0;

  constructor(owner: ChannelOwner, index: number, stream: ByteStream, passFile: PassFile) {
    this.#owner = owner;
    this.index = index;
    this.#stream = stream;
    this.#passFile = passFile;
    stream.handler = this;
    this.#writer.length = BATCH_PREFIX_BYTES;
  }

  /** Whether a new request can be given to it, as far as the channel can tell. */
  get takesRequests(): boolean {
    return this.ready && !this.retired && !this.#stream.closed;
  }

  /** Adds a request to the batch that leaves at the end of this turn. */
  send(job: Job): void {
    const { request } = job;
    job.state = "sent";
    job.channel = this;
    job.activeAtMs = this.#owner.nowMs;
    job.interimAnswers = 0;
    job.interimHeadsBytes = 0;
    this.underWay.push(job);
    const writer = this.#writer;
    writer.tuple(REQUEST_TUPLE_LENGTH);
    writer.int(job.slot);
    writer.int(job.generation);
    this.#writeTemplate(writer, request.template);
    writer.string(request.path);
    writer.string(request.query);
    if (request.rawUri === null) writer.none();
    else writer.string(request.rawUri);
    this.#writeContent(writer, request.content);
    if (request.contentLength === null) writer.none();
    else writer.string(request.contentLength);
    if (this.#batchLength++ === 0) this.#owner.scheduleFlush(this);
  }

  /** Sends the batch. */
  flush(): void {
    const writer = this.#writer;
    // What cannot leave any more stays a batch, so that its requests are known not to have begun.
    if (this.#batchLength === 0 || this.#stream.closed) return;
    const length = writer.length;
    writer.length = 0;
    const lengthAt = writer.skip(4);
    writer.list(this.#batchLength);
    writer.bytes.writeUInt32LE(length - 4, lengthAt);
    this.#lastBatchLength = this.#batchLength;
    this.#batchLength = 0;
    this.#stream.write(writer.bytes, 0, length);
    if (writer.bytes.length > WRITER_KEEP_MAX_BYTES) {
      this.#writer = new MarshalWriter(WRITER_CAPACITY_BYTES);
    }
    this.#writer.length = BATCH_PREFIX_BYTES;
  }

  /**
   * Takes the oldest request away from the worker, which is to be ended: what it may still send is
   * not for anybody.
   */
  forsake(): Job | null {
    this.retired = true;
    this.forsaken = true;
    return this.underWay.shift() ?? null;
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
    // A request still in the unsent batch is cancelled all the same: the batch goes first.
    this.flush();
    this.#lastBatchLength = 0;
    const frame = encodeCancel(job.slot, job.generation);
    this.#stream.write(frame, 0, frame.length);
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
    let from = 0;
    let until = end;
    let source = bytes;
    if (this.#partial !== null) {
      source = Buffer.concat([this.#partial, bytes.subarray(0, end)]);
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

  /** The worker sends nothing after its end; its exit is reported by its parent. */
  onEnd(): void {
    this.readToEnd = true;
    this.#stream.close();
  }

  onDrain(): void {}

  onClose(error: Error | null): void {
    const unanswered = this.underWay.splice(0);
    this.#pausedBy = null;
    // A worker reads a batch whole before it begins it.
    const leftBehind = this.#stream.unreadByPeer ? this.#lastBatchLength : 0;
    const unreadCount = Math.min(this.#batchLength + leftBehind, unanswered.length);
    this.#owner.onChannelClosed(this, unanswered, unreadCount, this.#violation ?? error);
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
      this.#owner.onReady(this, bytes.readUInt32LE(from + FRAME_OFFSET.slot));
      return headEnd;
    }
    const job = this.underWay[0];
    if (
      job === undefined ||
      job.slot !== bytes.readUInt32LE(from + FRAME_OFFSET.slot) ||
      job.generation !== bytes.readUInt32LE(from + FRAME_OFFSET.generation)
    ) {
      return this.#broken("an answer to a request that it does not have");
    }
    const bodyLength = bytes.readUInt32LE(from + FRAME_OFFSET.bodyLength);
    if (kind === FRAME_KIND.interim)
      return this.#takeInterim(job, bytes, from, headEnd, bodyLength);
    if (kind >= FRAME_KIND.end && headLength + bodyLength > 0) {
      return this.#broken("an end with something in it");
    }
    job.activeAtMs = this.#owner.nowMs;
    switch (kind) {
      case FRAME_KIND.response:
      case FRAME_KIND.head:
        return this.#takeHead(job, bytes, from, headEnd, until, bodyLength);
      case FRAME_KIND.chunk:
        if (!job.answerBegan) return this.#broken("content before a head");
        this.#contentRemaining = bodyLength;
        this.#frameCompletes = false;
        return headEnd;
      case FRAME_KIND.end:
      case FRAME_KIND.abort:
      case FRAME_KIND.error:
        this.#finish(job, kind, bytes.readUInt32LE(from + FRAME_OFFSET.elapsedUs));
        return headEnd;
      default:
        return this.#broken("a frame of an unknown kind");
    }
  }

  /**
   * Hands an interim answer on. It is no part of the answer that is waited for: neither does it
   * make the request unrepeatable, nor does it give the application more time.
   */
  #takeInterim(job: Job, bytes: Buffer, from: number, headEnd: number, bodyLength: number): number {
    if (job.answerBegan) return this.#broken("an interim answer behind a head");
    const headStart = from + FRAME_HEADER_BYTES;
    const status = bytes.readUInt16LE(from + FRAME_OFFSET.status);
    if (status !== EARLY_HINTS) return this.#broken("an interim answer of another status");
    if (bodyLength > 0) return this.#broken("an interim answer with content");
    job.interimAnswers++;
    job.interimHeadsBytes += headEnd - headStart;
    if (
      job.interimAnswers > INTERIM_ANSWERS_MAX ||
      job.interimHeadsBytes > INTERIM_HEADS_MAX_BYTES
    ) {
      return this.#broken("too many interim answers");
    }
    job.sink?.onAnswerInterim(status, bytes, headStart, headEnd);
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
      contentLength =
        bytes.readUInt32LE(from + FRAME_OFFSET.contentLengthLow) +
        bytes.readUInt32LE(from + FRAME_OFFSET.contentLengthHigh) * 2 ** 32;
      if (!Number.isSafeInteger(contentLength)) return this.#broken("a length out of range");
    }
    const last = bytes[from + FRAME_OFFSET.kind] === FRAME_KIND.response;
    const contentEnd = Math.min(until, headEnd + bodyLength);
    this.#contentRemaining = bodyLength - (contentEnd - headEnd);
    this.#frameCompletes = last;
    this.#frameElapsedUs = bytes.readUInt32LE(from + FRAME_OFFSET.elapsedUs);
    const complete = last && this.#contentRemaining === 0;
    const headStart = from + FRAME_HEADER_BYTES;
    job.answerBegan = true;
    const sink = job.sink;
    if (complete) {
      // The job ends first: what the sink starts in its stead must find this channel free.
      this.#release(job, this.#frameElapsedUs);
    }
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
    this.#finish(job, FRAME_KIND.end, this.#frameElapsedUs);
  }

  #finish(job: Job, kind: number, elapsedUs: number): void {
    const { sink, answerBegan } = job;
    this.#release(job, elapsedUs);
    if (sink === null) return;
    if (kind === FRAME_KIND.end && answerBegan) sink.onAnswerEnd();
    else sink.onAnswerFailure(answerBegan ? "application-aborted" : "application-error");
  }

  #release(job: Job, elapsedUs: number): void {
    this.resumeFor(job);
    this.underWay.shift();
    job.finish(this.#owner.jobs);
    const next = this.underWay[0];
    if (next !== undefined) next.activeAtMs = this.#owner.nowMs;
    this.#owner.onAnswered(this, elapsedUs);
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

  #writeTemplate(writer: MarshalWriter, template: EnvironTemplate): void {
    const known = template.numbers[this.index];
    if (known !== undefined && this.#templates[known] === template) {
      writer.int(known);
      writer.none();
      return;
    }
    if (template.uses++ === 0) {
      writer.int(NO_TEMPLATE);
    } else {
      const number = this.#templateHand;
      this.#templateHand = (number + 1) % TEMPLATES_MAX;
      this.#templates[number] = template;
      template.numbers[this.index] = number;
      writer.int(number);
    }
    writer.encoded(template.encoded);
  }

  #writeContent(writer: MarshalWriter, content: Buffer | SpooledContent | null): void {
    if (content === null) {
      writer.none();
    } else if (Buffer.isBuffer(content)) {
      writer.bytesObject(content, 0, content.length);
    } else {
      const path = this.#passFile(content);
      if (path === null) writer.int(content.lengthBytes);
      else writer.string(path);
    }
  }
}
