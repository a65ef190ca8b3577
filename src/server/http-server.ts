/**
 * Listening sockets and connections: accepts, gives each connection its handler, sweeps over their
 * deadlines, and empties itself without losing a request.
 */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { AdmissionRule } from "../handlers/admission.ts";
import type { RequestHandler } from "../handlers/handler.ts";
import type { ProvenanceReader } from "../handlers/provenance.ts";
import type { ErrorPages } from "../http/error-page.ts";
import { ResponseHeadWriter } from "../http1/response.ts";
import type { BindAddress } from "../net/bind-address.ts";
import type { ByteStream } from "../net/byte-stream.ts";
import type { Listener, Transport } from "../net/transport.ts";
import { HttpConnection } from "./connection.ts";
import type {
  ConnectionContext,
  ConnectionSettings,
  ServedConnection,
} from "./connection-context.ts";
import type { ScreeningSettings } from "./screening.ts";

export interface HttpServerSettings extends ConnectionSettings, ScreeningSettings {
  readonly errorPages: ErrorPages;
  /** null: as many as there are descriptors. */
  readonly connectionsMax: number | null;
  /** Value of the Server field; null for none. */
  readonly serverField: string | null;
}

/** Responses up to this size are put together in memory and leave with one system call. */
const SCRATCH_BYTES = 131_072;
/**
 * How long an idle connection is kept once the server is being stopped. A client that sends its
 * next request at the very moment at which the server closes would lose it; most do so at once
 * after an answer, and are served.
 */
const DRAIN_IDLE_MS = 500;
/** How often deadlines are looked at; every timeout is late by at most twice this. */
export const SWEEP_INTERVAL_MS = 250;

export class HttpServer implements ConnectionContext {
  readonly settings: HttpServerSettings;
  readonly handler: RequestHandler;
  readonly provenance: ProvenanceReader;
  readonly admissionRules: readonly AdmissionRule[];
  readonly headWriter: ResponseHeadWriter;
  readonly errorPages: ErrorPages;
  readonly scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  readonly log: Log;
  nowMs: number;
  draining = false;
  readonly listeners: Listener[] = [];
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #connections = new Set<ServedConnection>();
  /** Those of them that were one too many, until they have taken their answer. */
  readonly #turnedAway = new Set<ServedConnection>();
  #closeIdleAtMs = Infinity;
  #onEmpty: (() => void) | null = null;

  constructor(
    transport: Transport,
    handler: RequestHandler,
    settings: HttpServerSettings,
    log: Log,
    clock: Clock,
  ) {
    this.#transport = transport;
    this.handler = handler;
    this.settings = settings;
    this.provenance = settings.provenance;
    this.admissionRules = settings.admissionRules;
    this.errorPages = settings.errorPages;
    this.log = log;
    this.#clock = clock;
    this.nowMs = clock.nowMs() + SWEEP_INTERVAL_MS;
    this.headWriter = new ResponseHeadWriter(settings.serverField);
    this.headWriter.setDate(clock.epochMs());
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Binds all addresses, or none.
   *
   * @throws {OperatorError} exit status 1: one of them cannot be had
   */
  async listen(addresses: readonly BindAddress[], backlog: number): Promise<void> {
    try {
      for (const address of addresses) {
        this.listeners.push(await this.#transport.listen(address, backlog));
      }
    } catch (error) {
      this.stopListening();
      throw error;
    }
  }

  /** Begins to accept; until then clients wait in the kernel's queue. */
  start(): void {
    for (const listener of this.listeners) listener.start((stream) => this.#accept(stream));
  }

  /** Accepts what the kernel still holds, then closes the listening sockets. */
  stopListening(): void {
    for (const listener of this.listeners) listener.stop();
    this.listeners.length = 0;
  }

  /**
   * Stops accepting, answers every request that has been accepted, closes.
   *
   * @returns when no connection is left
   */
  async drain(): Promise<void> {
    this.draining = true;
    const stopped = this.listeners.map((listener) => listener.stopped);
    this.stopListening();
    this.#closeIdleAtMs = this.#clock.nowMs() + DRAIN_IDLE_MS;
    await Promise.all(stopped);
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  /** Closes everything at once. */
  closeAll(): void {
    this.draining = true;
    this.stopListening();
    for (const connection of this.#connections) connection.close();
  }

  /** Called every {@link SWEEP_INTERVAL_MS}. */
  sweep(): void {
    this.nowMs = this.#clock.nowMs();
    this.headWriter.setDate(this.#clock.epochMs());
    const closeIdle = this.nowMs >= this.#closeIdleAtMs;
    for (const connection of this.#connections) {
      if (closeIdle && connection.idle) connection.close();
      else connection.sweep();
    }
    this.nowMs += SWEEP_INTERVAL_MS;
  }

  onClosed(connection: ServedConnection): void {
    this.#connections.delete(connection);
    this.#turnedAway.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  #accept(stream: ByteStream): void {
    const { connectionsMax } = this.settings;
    const turnedAway = this.#turnedAway.size;
    const tooMany =
      connectionsMax !== null && this.#connections.size - turnedAway >= connectionsMax;
    if (tooMany && turnedAway >= connectionsMax) {
      stream.close();
      return;
    }
    const connection = new HttpConnection(this, stream);
    this.#connections.add(connection);
    if (!tooMany) return;
    this.#turnedAway.add(connection);
    connection.turnAway();
  }
}
