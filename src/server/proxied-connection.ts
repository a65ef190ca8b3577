/**
 * A connection that a proxy has made, until it has said whose it is (PROXY protocol). Then the
 * server makes an HTTP connection of the stream.
 *
 * Nothing is answered to what is no header: "any sequence which does not exactly match the protocol
 * must be discarded and cause the receiver to abort the connection" (proxy-protocol.txt section
 * 2.1).
 */
import type { Log } from "../base/log.ts";
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import {
  type ProxyHeaderResult,
  ProxyHeaderReader,
  type ProxyProtocol,
} from "../net/proxy-header.ts";
import {
  PROXY_VIOLATIONS,
  type ProxyHeader,
  type ProxyViolationCode,
} from "../net/proxy-header-result.ts";
import { formatAddress } from "../os/socket-address.ts";
import { ConnectionActivity } from "./connection-activity.ts";
import type { ServedConnection } from "./connection-context.ts";

/** Who made it, and takes the stream over. */
export interface ProxiedConnectionOwner {
  readonly nowMs: number;
  readonly log: Log;
  /**
   * The header is there, or it is clear that there is none: the stream gets another handler, or is
   * closed.
   *
   * @param header null where there is none, and need not be
   * @returns whether there is another handler, which gets the bytes behind the header
   */
  onProxyHeader(connection: ProxiedConnection, header: ProxyHeader | null): boolean;
  onClosed(connection: ServedConnection): void;
}

export class ProxiedConnection implements ByteStreamHandler, ServedConnection {
  readonly stream: ByteStream;
  readonly phase = "proxy-header";
  readonly activity: ConnectionActivity;
  readonly head = null;
  readonly #owner: ProxiedConnectionOwner;
  readonly #reader: ProxyHeaderReader;
  readonly #deadlineMs: number;

  /** @param timeoutMs for the whole header, from now on */
  constructor(
    owner: ProxiedConnectionOwner,
    stream: ByteStream,
    protocol: ProxyProtocol,
    timeoutMs: number,
  ) {
    this.#owner = owner;
    this.stream = stream;
    this.activity = new ConnectionActivity(stream, owner.nowMs);
    this.#reader = new ProxyHeaderReader(protocol);
    this.#deadlineMs = owner.nowMs + timeoutMs;
    stream.handler = this;
  }

  isIdle(): boolean {
    return this.#reader.idle;
  }

  close(): void {
    this.stream.close();
  }

  sweep(): void {
    if (this.#owner.nowMs < this.#deadlineMs || this.stream.closed) return;
    // A load balancer may open connections for later, or to see whether somebody listens.
    if (this.isIdle()) this.stream.close();
    else this.#abort("PROXY_HEADER_LATE");
  }

  onBytes(bytes: Buffer, end: number): void {
    this.#take(this.#reader.receive(bytes, end));
  }

  onEnd(): void {
    if (this.isIdle()) {
      this.stream.close();
      return;
    }
    const isHandedOver = this.#take(this.#reader.receiveEnd());
    if (isHandedOver && !this.stream.closed) this.stream.handler.onEnd();
  }

  onDrain(): void {}

  onClose(): void {
    this.#owner.onClosed(this);
  }

  /** @returns whether somebody else has the stream now */
  #take(result: ProxyHeaderResult): boolean {
    switch (result.kind) {
      case "need-data":
        return false;
      case "violation":
        this.#abort(result.code);
        return false;
      case "header":
        return this.#handOver(result.header, result.rest);
      case "absent":
        return this.#handOver(null, result.rest);
      default:
        return result satisfies never;
    }
  }

  #handOver(header: ProxyHeader | null, rest: Buffer): boolean {
    const isHandedOver = this.#owner.onProxyHeader(this, header);
    if (isHandedOver && rest.length > 0) this.stream.handler.onBytes(rest, rest.length);
    return isHandedOver;
  }

  #abort(code: ProxyViolationCode): void {
    const [section, cause] = PROXY_VIOLATIONS[code];
    this.#owner.log.info("a proxy's connection was refused", {
      proxy: formatAddress(this.stream.remoteAddress),
      code,
      cause,
      section: `PROXY protocol section ${section}`,
    });
    this.stream.close();
  }
}
