/**
 * A server in this process on a transport of the real ones, with applications that are played: what
 * the two byte streams make of the same bytes can be compared, thousands of times a minute.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { ProvenanceReader } from "../../src/handlers/provenance.ts";
import { ErrorPages } from "../../src/http/error-page.ts";
import { IpNetworks } from "../../src/http/ip-network.ts";
import type { BindAddress } from "../../src/net/bind-address.ts";
import type { ByteStream, ByteStreamHandler } from "../../src/net/byte-stream.ts";
import { openTransport, type TransportChoice } from "../../src/net/open-transport.ts";
import type { Listener, Transport } from "../../src/net/transport.ts";
import { HttpServer } from "../../src/server/http-server.ts";
import { LIMITS } from "../http1/cut-and-replay.ts";
import { type AnswerProgram, ProgramHandler, programFor } from "../properties/answer-programs.ts";
import { SCREENING, SETTINGS } from "../server/connection-fixture.ts";

const EPOCH_MS = 784_111_777_000;
/** Longer than a worker waits for a slow client before its answer goes to a file. */
const SWEEP_STEP_MS = 600;
const FILE_MAX_BYTES = 64 * 1_048_576;
const BACKLOG = 128;
/** Bytes that are taken ahead of an answer; beyond it the server stops reading. */
export const PIPELINED_LIMIT_BYTES = 300;
const SILENT = { error() {}, warn() {}, info() {}, debug() {} };

/** Everybody is a proxy, and may say so. */
const BEHIND_PROXY = {
  proxyProtocol: "auto",
  provenance: new ProvenanceReader(new IpNetworks([], true)),
} as const;

/** More than two sockets' buffers hold, so that the answer has to wait for its client. */
export const LARGE_TARGET = "/large";
const LARGE: AnswerProgram = {
  status: 200,
  declared: null,
  pieces: Array.from({ length: 40 }, (_, index) => String(index % 10).repeat(250_000)),
  hints: false,
  failure: null,
};

/** Sees what the present connection's stream brings, and whether the server resets it. */
class Tap {
  receivedBytes = 0;
  wasReset = false;
  stream: ByteStream | null = null;

  detach(): void {
    this.receivedBytes = 0;
    this.wasReset = false;
    this.stream = null;
  }

  /** Stands between the stream and whoever handles it, now and later. */
  attach(stream: ByteStream): void {
    let inner = stream.handler;
    const reset = stream.reset.bind(stream);
    this.stream = stream;
    stream.reset = () => {
      this.wasReset = true;
      reset();
    };
    const outer: ByteStreamHandler = {
      onBytes: (bytes, end) => {
        this.receivedBytes += end;
        inner.onBytes(bytes, end);
      },
      onEnd: () => inner.onEnd(),
      onDrain: () => inner.onDrain(),
      onClose: (error) => inner.onClose(error),
    };
    Object.defineProperty(stream, "handler", {
      get: () => outer,
      set: (next: ByteStreamHandler) => {
        inner = next;
      },
    });
  }
}

/** The same transport, with a tap on each stream that it accepts. */
function tapped(transport: Transport, tap: Tap): Transport {
  return new Proxy(transport, {
    get(target, name) {
      if (name !== "listen") return Reflect.get(target, name, target);
      return async (address: BindAddress, backlog: number): Promise<Listener> => {
        const listener = await target.listen(address, backlog);
        return new Proxy(listener, {
          get(inner, member) {
            if (member !== "start") {
              const value = Reflect.get(inner, member, inner);
              return typeof value === "function" ? value.bind(inner) : value;
            }
            return (onStream: (stream: ByteStream) => void) =>
              inner.start((stream) => {
                onStream(stream);
                if (!stream.closed) tap.attach(stream);
              });
          },
        });
      };
    },
  });
}

export class LiveServer {
  readonly name: TransportChoice;
  readonly handler = new ProgramHandler((request) =>
    request.target === LARGE_TARGET ? LARGE : programFor(request),
  );
  readonly tap = new Tap();
  readonly #transport: Transport;
  readonly #server: HttpServer;
  readonly #folder: string;
  #nowMs = 0;

  private constructor(name: TransportChoice, behindProxy: boolean) {
    this.name = name;
    this.#folder = mkdtempSync(join(tmpdir(), "portico-fuzz-"));
    this.#transport = openTransport(name, SILENT);
    this.#server = new HttpServer(
      tapped(this.#transport, this.tap),
      this.handler,
      {
        ...SETTINGS,
        ...SCREENING,
        request: LIMITS,
        pipelinedLimitBytes: PIPELINED_LIMIT_BYTES,
        outlet: {
          ...SETTINGS.outlet,
          memoryMaxBytes: 65_536,
          fileMaxBytes: FILE_MAX_BYTES,
          folder: this.#folder,
        },
        errorPages: new ErrorPages("text", null),
        connectionsMax: null,
        heldMemoryMaxBytes: 1e9,
        connectionsPerAddressMax: null,
        countsTrustedPeers: false,
        ...(behindProxy ? BEHIND_PROXY : { proxyProtocol: null }),
        serverField: "portico",
        exchangeLogging: null,
      },
      SILENT,
      { nowMs: () => this.#nowMs, epochMs: () => EPOCH_MS },
    );
  }

  /** @param behindProxy whether a connection may begin with a PROXY header */
  static async start(name: TransportChoice, behindProxy = false): Promise<LiveServer> {
    const live = new LiveServer(name, behindProxy);
    const tcp: BindAddress = { kind: "tcp", host: "127.0.0.1", port: 0 };
    await live.#server.listen([tcp, { kind: "unix", path: live.socketPath }], BACKLOG);
    live.#server.start();
    return live;
  }

  get port(): number {
    const address = this.#server.listeners[0]?.address;
    return address === undefined || address.family === "unix" ? 0 : address.port;
  }

  get socketPath(): string {
    return join(this.#folder, "socket");
  }

  /** Connections that are open, or not reported closed. */
  get connectionCount(): number {
    return this.#server.connectionCount;
  }

  /** Lets a while go by. */
  sweep(): void {
    this.#nowMs += SWEEP_STEP_MS;
    this.#server.sweep();
  }

  async close(): Promise<void> {
    this.#server.closeAll();
    await turn();
    this.#transport.close();
    rmSync(this.#folder, { recursive: true });
  }
}
