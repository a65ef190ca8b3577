/**
 * One of a load's connections: sends a request, reads its answer, and connects again where the one
 * before is gone. Decides nothing about when a request is sent.
 *
 * A request begins with connecting where that is needed, and ends in `onAnswered` or `onFailed`,
 * once. What happens to a connection while nothing is asked is no request's failure.
 */
import { invariant, ProtocolError } from "../base/errors.ts";
import { type ResponseLimits, ResponseReceiver } from "../http1/response-receiver.ts";
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import type { Attempt, Connector, ConnectWaiter } from "../net/connector.ts";
import { NULL_HANDLER } from "../net/null-handler.ts";
import type { Departures } from "./departures.ts";
import type { LoadPlan } from "./load-plan.ts";
import type { Measurements } from "./measurements.ts";

/** Who says when, and is told what came of it. */
export interface LoadConnectionOwner {
  /** The answer is whole, and the connection free; `send` may be called. */
  onAnswered(connection: LoadConnection, nowMs: number): void;
  /** The request has failed, and the connection is free; `send` may be called. */
  onFailed(connection: LoadConnection, error: Error): void;
  /** The end of {@link LoadConnection.open}. */
  onOpened(connection: LoadConnection, error: Error | null): void;
}

/** What all connections of a load share. */
export interface LoadConnectionContext {
  readonly plan: LoadPlan;
  /** The plan's request, as it is sent. */
  readonly request: Buffer;
  readonly connector: Connector;
  readonly measurements: Measurements;
  readonly departures: Departures;
  readonly owner: LoadConnectionOwner;
  readonly nowMs: () => number;
}

const GIB = 2 ** 30;

/**
 * Requests that leave one after the other. Each by itself, they cost more (`src/net/outbox.ts`);
 * all at the end of a turn, they would leave the server without work until then.
 */
const GATHERED_MAX = 4;

/** Generous: the server is somebody's own. Yet nothing that it sends takes memory without bound. */
const LIMITS: ResponseLimits = {
  headLimitBytes: 262_144,
  fieldCountMax: 1_000,
  interimCountMax: 64,
  bodyLimitBytes: 1_024 * GIB,
  trailerLimitBytes: 65_536,
  chunkExtensionLimitBytes: 65_536,
};

export class LoadConnection implements ByteStreamHandler, ConnectWaiter {
  /** A request was begun and has not ended. */
  busy = false;
  /** Of the present request: when it was due, and when it was begun. */
  dueAtMs = 0;
  begunAtMs = 0;
  readonly #context: LoadConnectionContext;
  #receiver = new ResponseReceiver(LIMITS);
  #attempt: Attempt | null = null;
  #stream: ByteStream | null = null;
  #status = 0;
  #interimSeen = 0;

  constructor(context: LoadConnectionContext) {
    this.#context = context;
  }

  /** Connects without a request; `onOpened` follows. */
  open(): void {
    invariant(!this.busy && this.#stream === null, "it is not open yet");
    this.#connect();
  }

  /** Ends {@link open} where it is not over yet, without telling anybody. */
  cancelOpening(): void {
    this.#attempt?.cancel();
    this.#attempt = null;
  }

  /** Begins a request. */
  send(dueAtMs: number, nowMs: number): void {
    invariant(!this.busy, "one request at a time");
    this.busy = true;
    this.dueAtMs = dueAtMs;
    this.begunAtMs = nowMs;
    this.#context.measurements.counters.begun++;
    if (this.#stream !== null) this.#write(this.#stream);
    else if (this.#attempt === null) this.#connect();
  }

  /** Gives the present request up, which took too long; `onFailed` is called with `error`. */
  giveUp(error: Error): void {
    this.#drop();
    this.#fail(error);
  }

  /** Closes without telling anybody. A request that is under way is cut off. */
  close(): void {
    this.#drop();
    if (this.busy) this.#context.measurements.counters.cutOff++;
    this.busy = false;
  }

  onConnected(stream: ByteStream): void {
    this.#attempt = null;
    this.#stream = stream;
    stream.handler = this;
    this.#receiver = new ResponseReceiver(LIMITS);
    this.#interimSeen = 0;
    this.#context.measurements.counters.connected++;
    if (this.busy) this.#write(stream);
    else this.#context.owner.onOpened(this, null);
  }

  onUnconnected(error: Error): void {
    this.#attempt = null;
    this.#fail(error);
  }

  onBytes(bytes: Buffer, end: number): void {
    this.#context.measurements.counters.receivedBytes += end;
    this.#receiver.receive(bytes, end);
    this.#read();
  }

  onEnd(): void {
    this.#receiver.receiveEnd();
    this.#read();
  }

  onDrain(): void {}

  onClose(error: Error | null): void {
    const wasBusy = this.busy;
    this.#stream = null;
    if (!wasBusy) {
      this.#context.measurements.counters.closedIdle++;
      return;
    }
    this.#fail(error ?? new Error("the connection was closed"));
  }

  #connect(): void {
    const { connector, plan } = this.#context;
    this.#attempt = connector.connect(plan.address, this);
  }

  #write(stream: ByteStream): void {
    const { request, plan, measurements } = this.#context;
    this.#receiver.expect(plan.method);
    measurements.counters.sentBytes += request.length;
    stream.write(request, 0, request.length);
    if (measurements.counters.begun % GATHERED_MAX === 0) stream.flush();
  }

  #read(): void {
    const receiver = this.#receiver;
    const { counters } = this.#context.measurements;
    try {
      for (;;) {
        const event = receiver.next();
        switch (event.kind) {
          case "head":
            this.#status = event.status;
            if (this.#context.measurements.server === null) {
              this.#context.measurements.noteServer(event.value("server"));
            }
            break;
          case "content":
            counters.contentBytes += event.end - event.start;
            break;
          case "end":
            // What follows an answer in the same bytes makes it none.
            if (receiver.reusable) receiver.next();
            this.#complete(receiver);
            return;
          case "need-data":
            return;
          case "closed":
            this.#closedByServer();
            return;
          default:
            event satisfies never;
        }
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#drop();
      if (this.busy) this.#fail(error);
      else counters.unsolicited++;
    }
  }

  /** Of an idle connection; behind its last answer there is none. */
  #closedByServer(): void {
    this.#context.measurements.counters.closedIdle++;
    this.#drop();
  }

  #complete(receiver: ResponseReceiver): void {
    const { measurements, plan, departures, owner, nowMs } = this.#context;
    const now = nowMs();
    measurements.counters.answered++;
    measurements.counters.interim += receiver.interimCount - this.#interimSeen;
    this.#interimSeen = receiver.interimCount;
    measurements.addStatus(this.#status);
    measurements.latency.record(now - this.dueAtMs);
    measurements.serviceTime.record(now - this.begunAtMs);
    this.busy = false;
    if (!receiver.reusable || !plan.keepAlive) {
      if (this.#stream !== null) departures.add(this.#stream, now);
      this.#stream = null;
    }
    owner.onAnswered(this, now);
  }

  #fail(error: Error): void {
    if (this.busy) {
      this.busy = false;
      this.#context.owner.onFailed(this, error);
    } else {
      this.#context.owner.onOpened(this, error);
    }
  }

  #drop(): void {
    this.cancelOpening();
    if (this.#stream === null) return;
    this.#stream.handler = NULL_HANDLER;
    this.#stream.close();
    this.#stream = null;
  }
}
