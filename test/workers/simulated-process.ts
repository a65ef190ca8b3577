/**
 * A worker that keeps to docs/worker-protocol.md and to nothing else: it answers one request after
 * the other on each of its channels, and can die at any moment, with answers finished and not sent,
 * or half sent.
 */
import type { WorkerChannel } from "../../src/workers/channel.ts";
import {
  chunkFrame,
  closingFrame,
  type FakeWorker,
  headFrame,
  responseFrame,
  type SentRequest,
} from "./fake-worker.ts";

/** A request that cannot be run twice has this in its path, so that the worker knows it. */
export const POST = "/post/";
const AT_NONE = 0xffff_ffff;

/** One thread, which serves one channel. */
export class SimulatedThread {
  readonly link: FakeWorker;
  readonly channel: WorkerChannel;
  /** Probes that were sent to it. */
  probes = 0;
  /** What it had {@link taken} when its generation lost the traffic; null while it has it. */
  takenAtRest: number | null = null;
  /** How many requests it has begun. */
  #begun = 0;
  #running: SentRequest | null = null;
  /** Answers that have not left for the gateway. */
  #unsent = Buffer.alloc(0);
  /** What has left, and has not been read by the gateway. */
  #inFlight = Buffer.alloc(0);
  /** How many bytes have left, in all. */
  #sentBytes: number;
  /** What was to leave next when it began what cannot be run again, and behind so many bytes. */
  #kept: { readonly begin: number; readonly bytes: Buffer } = { begin: 0, bytes: Buffer.alloc(0) };
  /** The slot of the request that it has begun last; no request's while it waits. */
  #place = AT_NONE;
  readonly #leavesOut: boolean;
  readonly #keeps: boolean;
  readonly #executions: Map<string, number>;

  /**
   * @param leavesOut  whether it looks for cancellations before it begins a request; it may
   * @param keeps      whether it keeps its answers before it begins what cannot be run again, in
   *   place of sending them
   * @param executions how often each request was begun, by path
   */
  constructor(
    link: FakeWorker,
    channel: WorkerChannel,
    leavesOut: boolean,
    keeps: boolean,
    executions: Map<string, number>,
  ) {
    this.link = link;
    this.channel = channel;
    this.#leavesOut = leavesOut;
    this.#keeps = keeps;
    this.#sentBytes = link.stream.receivedBytes;
    this.#executions = executions;
  }

  /** As the gateway reads it. */
  get slotBegun(): number {
    return this.#place;
  }

  /** What follows behind so many bytes, as the gateway reads it behind this one's end. */
  keptBehind(sentBytes: number): Buffer {
    const { begin, bytes } = this.#kept;
    return bytes.subarray(Math.max(sentBytes - begin, 0));
  }

  /** Clients' requests that it was ever sent. */
  get taken(): number {
    return this.channel.requestsTaken - this.probes;
  }

  /** Begins the next request, if it has one and is not busy. */
  begin(): void {
    const next = this.link.requests[this.#begun];
    if (this.#running !== null || next === undefined) return;
    if (this.#leavesOut && this.#isCancelled(next)) {
      this.#begun++;
      this.#unsent = Buffer.concat([this.#unsent, closingFrame(next, "end")]);
      return;
    }
    if (next.path.startsWith(POST)) {
      if (this.#keeps) this.#kept = { begin: this.#sentBytes, bytes: this.#unsent };
      else this.sendAll();
      // A worker whose answers nobody takes ends.
      if (this.link.stream.closed) return;
    }
    this.#begun++;
    this.#running = next;
    this.#place = next.slot;
    this.#executions.set(next.path, (this.#executions.get(next.path) ?? 0) + 1);
  }

  finish(how: number): void {
    const request = this.#running;
    if (request === null) return;
    this.#running = null;
    const half = Math.floor(request.path.length / 2);
    const [front, back] = [request.path.slice(0, half), request.path.slice(half)];
    const streamed = [
      headFrame(request, front),
      chunkFrame(request, back),
      closingFrame(request, "end"),
    ];
    const answer =
      how % 3 === 0 ? streamed : [responseFrame(request, request.path, (how * 7_919) % 30_000)];
    this.#unsent = Buffer.concat([this.#unsent, ...answer]);
  }

  sendSome(bytes: number): void {
    const sent = this.#unsent.subarray(0, bytes);
    this.#unsent = this.#unsent.subarray(sent.length);
    this.#inFlight = Buffer.concat([this.#inFlight, sent]);
    this.#sentBytes += sent.length;
  }

  sendAll(): void {
    this.sendSome(this.#unsent.length);
    if (this.#running === null) this.#place = AT_NONE;
  }

  arrive(): void {
    const arrived = this.#inFlight;
    this.#inFlight = Buffer.alloc(0);
    if (arrived.length > 0) this.link.stream.deliver(arrived);
  }

  /** Answers what is next, and has the answer arrive. */
  answerOne(): void {
    this.begin();
    this.finish(1);
    this.sendAll();
    this.arrive();
  }

  #isCancelled({ slot, generation }: SentRequest): boolean {
    return this.link.cancellations.some(
      (each) => each.slot === slot && each.generation === generation,
    );
  }
}

/** The threads of one worker: they die together. */
export interface SimulatedProcess {
  readonly generation: number;
  readonly load: { readonly busyChannels: number };
  readonly threads: readonly SimulatedThread[];
  /** Requests that each of its channels may get in its life. */
  readonly requestsMax: number | null;
  /** Requests that each of its channels may have at once. */
  readonly depthMax: number | null;
  /** No signal ends it while a call of it hangs. */
  readonly uninterruptible: boolean;
}
