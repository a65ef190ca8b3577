/**
 * The way of a request through the gateway without a kernel: from the bytes that a client sends to
 * the batch for a worker, and from the worker's answer to the bytes for the client. The code is the
 * real one; the sockets at both ends only count.
 */
import { tmpdir } from "node:os";
import { NULL_LOG } from "../src/base/log.ts";
import { PythonApplication } from "../src/handlers/python-application.ts";
import { ProvenanceReader } from "../src/handlers/provenance.ts";
import { SecuredTargets } from "../src/handlers/secured-targets.ts";
import { ServedMethods } from "../src/handlers/served-methods.ts";
import { ErrorPages } from "../src/http/error-page.ts";
import { IpNetworks } from "../src/http/ip-network.ts";
import { ResponseHeadWriter } from "../src/http1/response.ts";
import type { ByteStream, ByteStreamHandler } from "../src/net/byte-stream.ts";
import { NULL_HANDLER } from "../src/net/null-handler.ts";
import type { SocketAddress } from "../src/os/socket-address.ts";
import type { ConnectionContext } from "../src/server/connection-context.ts";
import { IdleConnection, type IdleConnectionOwner } from "../src/server/idle-connection.ts";
import { HttpConnection } from "../src/server/connection.ts";
import { ownEndpoints } from "../src/server/connection-origin.ts";
import type { ExchangeLogging } from "../src/server/exchange-log.ts";
import { FailureReport } from "../src/server/failure-report.ts";
import { HeldMemory } from "../src/server/held-memory.ts";
import type { WorkerChannel } from "../src/workers/channel.ts";
import { Dispatcher } from "../src/workers/dispatcher.ts";
import { openProgress } from "../src/workers/worker-progress.ts";
import {
  FLAG_CONTENT_LENGTH,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  FRAME_OFFSET,
} from "../src/workers/protocol.ts";

const RECEIVE_BUFFER_BYTES = 262_144;
const WORKER_PID = 4_711;

function nothing(): void {}

/** A socket that takes everything. */
class CountingStream implements ByteStream {
  handler: ByteStreamHandler = NULL_HANDLER;
  readonly remoteAddress: SocketAddress = { family: "inet", host: "192.0.2.7", port: 50_123 };
  readonly localAddress: SocketAddress = { family: "inet", host: "192.0.2.1", port: 8000 };
  readonly closed = false;
  readonly descriptor = null;
  readonly receivedBytes = 0;
  readonly sentBytes = 0;
  readonly unreadByPeer = false;
  readonly unsentBytes = 0;
  writes = 0;
  bytesWritten = 0;

  write(_bytes: Uint8Array, start: number, end: number): void {
    this.writes++;
    this.bytesWritten += end - start;
  }

  lend(): null {
    return null;
  }

  unreadBytes(): null {
    return null;
  }

  countReceivedByOther(): void {}

  countSentByOther(): void {}

  flush(): void {}

  unacknowledgedBytes(): number {
    return 0;
  }

  pauseReading(): void {}

  resumeReading(): void {}

  end(): void {}

  close(): void {}

  reset(): void {}
}

export interface PathSettings {
  readonly connections: number;
  /** A whole request, as on the wire. */
  readonly request: string;
  /** `200 OK` and fields, each with its line end. */
  readonly answerHead: string;
  readonly answerContent: string;
  /** Hears of each exchange; none where it is not given. */
  readonly exchangeLogging?: ExchangeLogging;
}

/** Connections that each send the same request again and again, and one worker. */
export class GatewayPath implements ConnectionContext, IdleConnectionOwner {
  readonly settings: ConnectionContext["settings"] = {
    request: {
      requestLineLimitBytes: 8_192,
      headLimitBytes: 65_536,
      fieldCountMax: 100,
      fieldLimitBytes: 16_384,
      bodyLimitBytes: 2 ** 30,
      trailerLimitBytes: 8_192,
      chunkExtensionLimitBytes: 1_024,
    },
    spool: { inlineMaxBytes: 65_536, folder: tmpdir(), namedFileFolder: () => null },
    headerTimeoutMs: 10_000,
    contentTransfer: { pauseMaxMs: 20_000, rateMinBytes: 500 },
    keepAliveTimeoutMs: 60_000,
    exchangeTimeoutMs: null,
    pipelinedLimitBytes: 65_536,
    namesRequests: false,
    tellsTimes: false,
    lendsContent: false,
    outlet: {
      transfer: { pauseMaxMs: 40_000, rateMinBytes: 500 },
      memoryMaxBytes: 65_536,
      fileMaxBytes: null,
      folder: tmpdir(),
    },
  };
  readonly handler: PythonApplication;
  readonly headWriter = new ResponseHeadWriter("portico");
  readonly scratch = Buffer.allocUnsafeSlow(131_072);
  readonly heldMemory = new HeldMemory(1e9);
  readonly errorPages = new ErrorPages("text", null);
  readonly provenance = new ProvenanceReader(new IpNetworks([], false));
  readonly health = null;
  readonly admissionRules = [new SecuredTargets(), new ServedMethods(["TRACE"])];
  readonly log = NULL_LOG;
  readonly failures = new FailureReport(NULL_LOG);
  readonly exchangeLogging: ExchangeLogging | null;
  readonly nowMs = 1_000;
  readonly draining = false;
  readonly clients: CountingStream[] = [];
  readonly worker = new CountingStream();
  readonly #dispatcher: Dispatcher;
  readonly #channel: WorkerChannel;
  readonly #receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BUFFER_BYTES);
  readonly #request: Buffer;
  readonly #answer: Buffer;
  #tasks: (() => void)[] = [];

  constructor(path: PathSettings) {
    const { connections, request, answerHead, answerContent, exchangeLogging } = path;
    this.exchangeLogging = exchangeLogging ?? null;
    this.headWriter.setDate(Date.UTC(2026, 0, 1));
    this.#request = Buffer.from(request, "latin1");
    this.#answer = answerFrame(answerHead, answerContent);
    this.#dispatcher = new Dispatcher(
      { queueLengthMax: 2_048, queueTimeoutMs: 10_000, timeoutMs: 30_000 },
      {
        onChannelReady: nothing,
        onTimedOut: nothing,
        onChannelClosed: nothing,
        onRequestsReached: nothing,
        onRequestFailed: nothing,
        onReport: nothing,
      },
      () => this.nowMs,
      (task) => void this.#tasks.push(task),
      nothing,
    );
    this.handler = new PythonApplication(this.#dispatcher, "", "drop");
    const settings = { load: { busyChannels: 0 }, generation: 1, requestsMax: null };
    this.#channel = this.#dispatcher.addChannel(
      this.worker,
      { passFile: () => null, passSocket: nothing, passContentSocket: nothing },
      { ...settings, depthMax: null, recycleAfter: null, openProgress },
      false,
    );
    this.#deliver(readyFrame(), 1);
    for (let count = 0; count < connections; count++) {
      const client = new CountingStream();
      this.clients.push(client);
      const { headerTimeoutMs } = this.settings;
      const idle = new IdleConnection(this, client, ownEndpoints(client), headerTimeoutMs);
      client.handler = this.onWoken(idle);
    }
  }

  onClosed(): void {}

  /** Never: time stands still. */
  onRested(): void {}

  onWoken(idle: IdleConnection): HttpConnection {
    return new HttpConnection(this, idle);
  }

  /** One request on each connection, in one turn, and the answers to all. */
  turn(): void {
    const request = this.#request;
    const buffer = this.#receiveBuffer;
    for (const client of this.clients) {
      request.copy(buffer, 0);
      client.handler.onBytes(buffer, request.length);
    }
    while (this.#channel.underWay.length > 0 || this.#tasks.length > 0) {
      this.#endTurn();
      this.#answerAll();
    }
  }

  #answerAll(): void {
    const answer = this.#answer;
    const buffer = this.#receiveBuffer;
    let at = 0;
    for (const { slot, generation } of this.#channel.underWay) {
      answer.copy(buffer, at);
      buffer.writeUInt32LE(slot, at + FRAME_OFFSET.slot);
      buffer.writeUInt32LE(generation, at + FRAME_OFFSET.generation);
      at += answer.length;
    }
    if (at > 0) this.#channel.onBytes(buffer, at);
  }

  #deliver(frame: Buffer, times: number): void {
    for (let count = 0; count < times; count++) this.#channel.onBytes(frame, frame.length);
    this.#endTurn();
  }

  #endTurn(): void {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) task();
  }
}

function readyFrame(): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES);
  frame.writeUInt32LE(WORKER_PID, FRAME_OFFSET.slot);
  frame.writeUInt8(FRAME_KIND.ready, FRAME_OFFSET.kind);
  return frame;
}

function answerFrame(head: string, content: string): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES);
  frame.writeUInt32LE(50, FRAME_OFFSET.elapsedUs);
  frame.writeUInt32LE(content.length, FRAME_OFFSET.bodyLength);
  frame.writeUInt8(FRAME_KIND.response, FRAME_OFFSET.kind);
  frame.writeUInt8(FLAG_CONTENT_LENGTH, FRAME_OFFSET.flags);
  frame.writeUInt16LE(Number(head.slice(0, 3)), FRAME_OFFSET.status);
  frame.writeUInt32LE(head.length, FRAME_OFFSET.headLength);
  frame.writeUInt32LE(content.length, FRAME_OFFSET.contentLengthLow);
  return Buffer.concat([frame, Buffer.from(head + content, "latin1")]);
}
