/**
 * Listening sockets and connections: accepts, gives each connection its handler, sweeps over their
 * deadlines, and empties itself without losing a request.
 */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { AdmissionRule } from "../handlers/admission.ts";
import type { Endpoints, RequestHandler } from "../handlers/handler.ts";
import type { ProvenanceReader } from "../handlers/provenance.ts";
import type { ErrorPages } from "../http/error-page.ts";
import { ResponseHeadWriter } from "../http1/response.ts";
import type { BindAddress } from "../net/bind-address.ts";
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import type { ProxyProtocol } from "../net/proxy-header.ts";
import type { ProxyHeader } from "../net/proxy-header-result.ts";
import type { Listener, Transport } from "../net/transport.ts";
import { AddressCount, type AddressPlace } from "./address-count.ts";
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
import type { ExchangeLogging } from "./exchange-log.ts";
import { FailureReport } from "./failure-report.ts";
import { HeldMemory } from "./held-memory.ts";
import { IdleConnection, type IdleConnectionOwner } from "./idle-connection.ts";
import { ProxiedConnection, type ProxiedConnectionOwner } from "./proxied-connection.ts";
import type { ScreeningSettings } from "./screening.ts";

export interface HttpServerSettings extends ConnectionSettings, Omit<ScreeningSettings, "health"> {
  readonly errorPages: ErrorPages;
  /** Memory for answers that wait for their clients, of all connections together. */
  readonly heldMemoryMaxBytes: number;
  /** null: as many as there are descriptors. */
  readonly connectionsMax: number | null;
  /** Of one address; null for any number. Those of proxies that are trusted do not count... */
  readonly connectionsPerAddressMax: number | null;
  /** ...unless this says so. */
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

export class HttpServer implements ConnectionContext, ProxiedConnectionOwner, IdleConnectionOwner {
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
  /** All connections, with their places where their addresses count. */
  readonly #connections = new Map<ServedConnection, AddressPlace | null>();
  /** Those of them that were one too many, until they have taken their answer. */
  readonly #turnedAway = new Set<ServedConnection>();
  readonly #addresses: AddressCount | null;
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
    const { connectionsPerAddressMax } = settings;
    this.#addresses =
      connectionsPerAddressMax === null ? null : new AddressCount(connectionsPerAddressMax);
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
    const place = this.#connections.get(connection) ?? null;
    if (place !== null) this.#addresses?.leave(place);
    this.#connections.delete(connection);
    this.#turnedAway.delete(connection);
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
    const isServed = this.#serve(stream, relayedOrigin(stream, header, this.provenance));
    // What is not served is closed, and reports it to the connection that it has had so far.
    if (isServed) this.#connections.delete(connection);
    return isServed;
  }

  #accept(stream: ByteStream): void {
    const { connectionsMax, proxyProtocol, headerTimeoutMs } = this.settings;
    const turnedAway = this.#turnedAway.size;
    const tooMany =
      connectionsMax !== null && this.#connections.size - turnedAway >= connectionsMax;
    const isProxied = proxyProtocol !== null && this.provenance.trusts(stream.remoteAddress);
    if (tooMany && turnedAway >= connectionsMax) {
      stream.close();
    } else if (tooMany) {
      this.#turnAway(this.#newConnection(stream, ownEndpoints(stream)), null, isProxied);
    } else if (isProxied) {
      const connection = new ProxiedConnection(this, stream, proxyProtocol, headerTimeoutMs);
      this.#connections.set(connection, null);
    } else {
      this.#serve(stream, ownOrigin(stream, this.provenance, this.settings.countsTrustedPeers));
    }
  }

  /** @returns false where the stream has been closed instead, since its address has too many */
  #serve(stream: ByteStream, origin: ConnectionOrigin): boolean {
    const { endpoints, countedHost } = origin;
    let place: AddressPlace | null = null;
    if (this.#addresses !== null && countedHost !== null) {
      place = this.#addresses.enter(countedHost);
      if (place === null) {
        stream.close();
        return false;
      }
    }
    const connection = this.#newConnection(stream, endpoints);
    if (place?.isOneTooMany === true) this.#turnAway(connection, place, false);
    else this.#connections.set(connection, place);
    return true;
  }

  #newConnection(stream: ByteStream, endpoints: Endpoints): IdleConnection {
    return new IdleConnection(this, stream, endpoints, this.settings.headerTimeoutMs);
  }

  /** The same connection, served by another object. */
  #replace(one: ServedConnection, other: ServedConnection): void {
    const place = this.#connections.get(one) ?? null;
    this.#connections.delete(one);
    this.#connections.set(other, place);
  }

  /** @param isProxied whether something else than a request comes first */
  #turnAway(idle: IdleConnection, place: AddressPlace | null, isProxied: boolean): void {
    const connection = new HttpConnection(this, idle);
    this.#connections.set(connection, place);
    this.#turnedAway.add(connection);
    connection.turnAway(this.health === null || isProxied);
  }
}
