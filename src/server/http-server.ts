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
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import type { ProxyProtocol } from "../net/proxy-header.ts";
import type { ProxyHeader } from "../net/proxy-header-result.ts";
import type { Listener, Transport } from "../net/transport.ts";
import { HttpConnection } from "./connection.ts";
import type {
  ConnectionContext,
  ConnectionSettings,
  ServedConnection,
} from "./connection-context.ts";
import {
  type ConnectionOrigin,
  ownEndpoints,
  ownOrigin,
  relayedOrigin,
} from "./connection-origin.ts";
import {
  type ConnectionLimits,
  type ConnectionPlace,
  ConnectionPlaces,
} from "./connection-places.ts";
import type { ExchangeLogging } from "./exchange-log.ts";
import { FailureReport } from "./failure-report.ts";
import { HeldMemory } from "./held-memory.ts";
import { IdleConnection, type IdleConnectionOwner } from "./idle-connection.ts";
import { ProxiedConnection, type ProxiedConnectionOwner } from "./proxied-connection.ts";
import type { ScreeningSettings } from "./screening.ts";
import { WaitingConnection, type WaitingConnectionOwner } from "./waiting-connection.ts";

export interface HttpServerSettings
  extends ConnectionSettings, ConnectionLimits, Omit<ScreeningSettings, "health"> {
  readonly errorPages: ErrorPages;
  /** Memory for answers that wait for their clients, of all connections together. */
  readonly heldMemoryMaxBytes: number;
  /** Whether those of proxies that are trusted count for their addresses. */
  readonly countsTrustedPeers: boolean;
  /** What trusted peers begin their connections with; null for nothing. */
  readonly proxyProtocol: ProxyProtocol | null;
  /** Value of the Server field; null for none. */
  readonly serverField: string | null;
  readonly exchangeLogging: ExchangeLogging | null;
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

export class HttpServer
  implements ConnectionContext, IdleConnectionOwner, ProxiedConnectionOwner, WaitingConnectionOwner
{
  readonly settings: HttpServerSettings;
  readonly handler: RequestHandler;
  readonly provenance: ProvenanceReader;
  readonly admissionRules: readonly AdmissionRule[];
  readonly headWriter: ResponseHeadWriter;
  readonly errorPages: ErrorPages;
  readonly heldMemory: HeldMemory;
  readonly scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  readonly log: Log;
  readonly failures: FailureReport;
  exchangeLogging: ExchangeLogging | null;
  nowMs: number;
  draining = false;
  /** Whoever knows how the program is sets it, before {@link HttpServer.start}. */
  health: AdmissionRule | null = null;
  readonly listeners: Listener[] = [];
  /**
   * Sockets that other processes accept from. When this one stops, they may do so too; what waits
   * by then belongs to whoever is the last.
   */
  readonly reserves: Listener[] = [];
  readonly #transport: Transport;
  readonly #clock: Clock;
  /** All connections, with their places; null once a place is given up before its connection. */
  readonly #connections = new Map<ServedConnection, ConnectionPlace | null>();
  readonly #places: ConnectionPlaces;
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
    this.heldMemory = new HeldMemory(settings.heldMemoryMaxBytes);
    this.#places = new ConnectionPlaces(settings);
    this.log = log;
    this.failures = new FailureReport(log);
    this.exchangeLogging =
      settings.exchangeLogging?.fromStart === true ? settings.exchangeLogging : null;
    this.#clock = clock;
    this.nowMs = clock.nowMs() + SWEEP_INTERVAL_MS;
    this.headWriter = new ResponseHeadWriter(settings.serverField);
    this.headWriter.setDate(clock.epochMs());
  }

  get connections(): Iterable<ServedConnection> {
    return this.#connections.keys();
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Binds all addresses, or none.
   *
   * @param open makes a listener; of a new socket where it is not given
   * @throws {OperatorError} exit status 1: one of them cannot be had
   */
  async listen(
    addresses: readonly BindAddress[],
    backlog: number,
    open = (address: BindAddress): Promise<Listener> => this.#transport.listen(address, backlog),
  ): Promise<void> {
    try {
      for (const address of addresses) this.listeners.push(await open(address));
    } catch (error) {
      this.stopListening();
      throw error;
    }
  }

  /** From now on whoever listens to exchanges hears of them: of each that begins. */
  tellExchanges(): void {
    this.exchangeLogging = this.settings.exchangeLogging;
  }

  /** Begins to accept; until then clients wait in the kernel's queue. */
  start(): void {
    for (const listener of this.listeners) this.acceptFrom(listener);
  }

  /** Accepts from one more socket, which whoever calls has to stop. */
  acceptFrom(listener: Listener): void {
    listener.start((stream) => this.#accept(stream));
  }

  /** Accepts what the kernel still holds, then closes the listening sockets. */
  stopListening(): void {
    for (const listener of [...this.listeners, ...this.reserves]) listener.stop();
    this.listeners.length = 0;
    this.reserves.length = 0;
  }

  /**
   * Stops accepting, answers every request that has been accepted, closes.
   *
   * @returns when no connection is left
   */
  async drain(): Promise<void> {
    this.draining = true;
    for (const listener of this.reserves) this.acceptFrom(listener);
    const stopped = [...this.listeners, ...this.reserves].map((listener) => listener.stopped);
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
    for (const connection of this.#connections.keys()) connection.close();
  }

  /** Called every {@link SWEEP_INTERVAL_MS}. */
  sweep(): void {
    this.nowMs = this.#clock.nowMs();
    this.headWriter.setDate(this.#clock.epochMs());
    const closeIdle = this.nowMs >= this.#closeIdleAtMs;
    for (const connection of this.#connections.keys()) {
      if (closeIdle && connection.isIdle()) connection.close();
      else connection.sweep();
    }
    this.nowMs += SWEEP_INTERVAL_MS;
  }

  onClosed(connection: ServedConnection): void {
    this.#giveUpPlace(connection);
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  onWoken(idle: IdleConnection): ByteStreamHandler {
    const connection = new HttpConnection(this, idle);
    this.#replace(idle, connection);
    return connection;
  }

  onRested(connection: ServedConnection, idle: ServedConnection): void {
    this.#replace(connection, idle);
  }

  onProxyHeader(connection: ProxiedConnection, header: ProxyHeader | null): boolean {
    const { stream } = connection;
    return this.#readmit(connection, relayedOrigin(stream, header, this.provenance), true);
  }

  wouldServe({ origin }: WaitingConnection): boolean {
    return this.#places.wouldServe(origin?.countedHost ?? null);
  }

  onWaited(connection: WaitingConnection): boolean {
    return this.#readmit(connection, connection.origin, false);
  }

  #accept(stream: ByteStream): void {
    const { proxyProtocol, countsTrustedPeers } = this.settings;
    const isProxied = proxyProtocol !== null && this.provenance.trusts(stream.remoteAddress);
    const origin = isProxied ? null : ownOrigin(stream, this.provenance, countsTrustedPeers);
    this.#admit(stream, origin, true);
  }

  /**
   * A connection's stream gets the handler that comes next, for whom it is counted anew.
   *
   * @returns false where the stream has been closed instead; that is reported to the connection
   *   that it has had so far
   */
  #readmit(
    connection: ServedConnection,
    origin: ConnectionOrigin | null,
    mayWait: boolean,
  ): boolean {
    this.#giveUpPlace(connection);
    this.#connections.set(connection, null);
    const isAdmitted = this.#admit(connection.activity.stream, origin, mayWait);
    if (isAdmitted) this.#connections.delete(connection);
    return isAdmitted;
  }

  /**
   * @param origin null where a proxy has yet to say whose connection it is
   * @param mayWait whether it looks again before it is turned away
   * @returns false where the stream has been closed instead, since there are too many
   */
  #admit(stream: ByteStream, origin: ConnectionOrigin | null, mayWait: boolean): boolean {
    const place = this.#places.enter(origin?.countedHost ?? null, mayWait);
    if (place === null) {
      stream.close();
      return false;
    }
    this.#connections.set(this.#connectionFor(stream, origin, place), place);
    return true;
  }

  #connectionFor(
    stream: ByteStream,
    origin: ConnectionOrigin | null,
    { standing }: ConnectionPlace,
  ): ServedConnection {
    const { proxyProtocol, headerTimeoutMs } = this.settings;
    if (standing === "waiting") return new WaitingConnection(this, stream, origin);
    if (standing === "served" && origin === null && proxyProtocol !== null) {
      return new ProxiedConnection(this, stream, proxyProtocol, headerTimeoutMs);
    }
    const endpoints = origin?.endpoints ?? ownEndpoints(stream);
    const idle = new IdleConnection(this, stream, endpoints, headerTimeoutMs);
    if (standing === "served") return idle;
    const connection = new HttpConnection(this, idle);
    // Where something else than a request comes first, none can be read.
    connection.turnAway(this.health === null || origin === null);
    return connection;
  }

  /** The same connection, served by another object. */
  #replace(one: ServedConnection, other: ServedConnection): void {
    const place = this.#connections.get(one) ?? null;
    this.#connections.delete(one);
    this.#connections.set(other, place);
  }

  #giveUpPlace(connection: ServedConnection): void {
    const place = this.#connections.get(connection) ?? null;
    if (place !== null) this.#places.leave(place);
  }
}
