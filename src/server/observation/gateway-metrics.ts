/**
 * The metrics of a gateway: where they are told, and what they are read from.
 *
 * At an address of their own they have a server of their own, which is the gateway's own HTTP with
 * other bounds, and whose socket goes to a successor with the others. At a path they stand in front
 * of the application. Owns that choice; the text is `metrics-text.ts`.
 */
import type { Clock } from "../../base/clock.ts";
import { OperatorError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { RequestHandler } from "../../handlers/handler.ts";
import type { BindAddress } from "../../net/bind-address.ts";
import type { Listener, Transport } from "../../net/transport.ts";
import { residentBytes } from "../../os/process-memory.ts";
import { realClock } from "../../os/real-clock.ts";
import { formatAddress } from "../../os/socket-address.ts";
import { acceptQueue } from "../../os/tcp-info.ts";
import type { RestartCounts } from "../../workers/worker-end.ts";
import type { GatewayStatus } from "../gateway-status.ts";
import { HttpServer, type HttpServerSettings } from "../http-server.ts";
import type { ListeningPlace } from "../takeover.ts";
import { EventLoopDelay } from "./event-loop-delay.ts";
import type { ExchangeStatistics } from "./exchange-statistics.ts";
import { MetricsHandler } from "./metrics-handler.ts";
import type {
  AcceptQueueFigures,
  MetricsReading,
  MetricsSource,
  OpenPhase,
  ReloadCounts,
} from "./metrics-source.ts";
import type { MetricsText } from "./metrics-text.ts";

export type MetricsPlace =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "address"; readonly bind: BindAddress };

export interface MetricsSettings {
  readonly place: MetricsPlace;
  readonly makeText: (source: MetricsSource) => MetricsText;
}

/** The part of the gateway that is measured. */
export interface MeasuredGateway {
  status(): GatewayStatus;
  readonly server: Pick<HttpServer, "listeners" | "connections">;
  readonly supervisor: {
    readonly restarts: Readonly<RestartCounts>;
    readonly reloadOutcomes: Readonly<ReloadCounts>;
  };
}

/** At an address of their own. */
export const METRICS_PATH = "/metrics";

/** Whoever scrapes has one connection, and seldom two. */
const CONNECTIONS_MAX = 64;
const BACKLOG = 64;
/** From one scrape to the next it is a minute at most, mostly. */
const KEEP_ALIVE_MS = 65_000;
const HEADER_TIMEOUT_MS = 5_000;
const CONTENT_MAX_BYTES = 0;

export class GatewayMetrics implements MetricsSource {
  readonly #settings: MetricsSettings;
  readonly #gateway: MeasuredGateway;
  readonly #statistics: ExchangeStatistics;
  readonly #text: MetricsText;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #delay = new EventLoopDelay(() => realClock.nowMs());
  /** null where they have no address of their own. */
  readonly #server: HttpServer | null;

  constructor(
    settings: MetricsSettings,
    gateway: MeasuredGateway,
    statistics: ExchangeStatistics,
    transport: Transport,
    http: HttpServerSettings,
    log: Log,
    clock: Clock,
  ) {
    this.#settings = settings;
    this.#gateway = gateway;
    this.#statistics = statistics;
    this.#log = log;
    this.#clock = clock;
    this.#text = settings.makeText(this);
    this.#server =
      settings.place.kind === "address"
        ? new HttpServer(transport, this.#at(METRICS_PATH, null), serverSettings(http), log, clock)
        : null;
  }

  get routes(): readonly string[] {
    return this.#statistics.routes.names;
  }

  /** Who answers on the sockets of the site, in front of whoever did. */
  inFrontOf(handler: RequestHandler): RequestHandler {
    const { place } = this.#settings;
    return place.kind === "path" ? this.#at(place.path, handler) : handler;
  }

  get listeners(): readonly Listener[] {
    return this.#server?.listeners ?? [];
  }

  /** Where it listens, as it was asked for. */
  places(): ListeningPlace[] {
    const { place } = this.#settings;
    if (place.kind !== "address") return [];
    return this.listeners.map((listener) => ({ bind: place.bind, listener }));
  }

  /**
   * @param open makes the listener: a new one, or an inherited one
   * @throws {OperatorError} exit status 1: the address cannot be had
   */
  async listen(open: (bind: BindAddress, backlog: number) => Promise<Listener>): Promise<void> {
    const { place } = this.#settings;
    if (place.kind !== "address") return;
    try {
      await this.#server?.listen([place.bind], BACKLOG, (bind) => open(bind, BACKLOG));
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      const why = error.message.replaceAll("--bind", "--metrics");
      throw new OperatorError(error.exitStatus, why, error.details);
    }
  }

  /** The gateway serves. */
  start(): void {
    this.#delay.start();
    this.#server?.start();
    for (const { address } of this.listeners) {
      this.#log.info("metrics are told", { address: formatAddress(address), path: METRICS_PATH });
    }
  }

  /** Called several times a second. */
  sweep(): void {
    this.#server?.sweep();
  }

  /** The process ends, or another one tells its own. */
  close(): void {
    this.#delay.stop();
    this.#server?.closeAll();
  }

  read(): MetricsReading {
    const { server, supervisor } = this.#gateway;
    const status = this.#gateway.status();
    return {
      statistics: this.#statistics,
      status,
      connections: countByPhase(server.connections),
      acceptQueues: server.listeners.map(acceptQueueOf),
      restarts: supervisor.restarts,
      reloads: supervisor.reloadOutcomes,
      eventLoopDelay: this.#delay.series(),
      residentMemory: {
        gateway: residentBytes(status.pid),
        zygotes: sum(status.generations.map(({ zygotePid }) => memoryOf(zygotePid))),
        workers: sum(
          status.generations.flatMap(({ workers }) => workers.map((one) => one.rssBytes)),
        ),
      },
    };
  }

  #at(path: string, next: RequestHandler | null): MetricsHandler {
    return new MetricsHandler(path, this.#text, next, () => this.#clock.nowMs());
  }
}

/** The gateway's own bounds, but for what follows from who asks here, and how seldom. */
function serverSettings(http: HttpServerSettings): HttpServerSettings {
  return {
    ...http,
    request: { ...http.request, bodyLimitBytes: CONTENT_MAX_BYTES },
    headerTimeoutMs: HEADER_TIMEOUT_MS,
    keepAliveTimeoutMs: KEEP_ALIVE_MS,
    connectionsMax: CONNECTIONS_MAX,
    connectionsPerAddressMax: null,
    proxyProtocol: null,
    admissionRules: [],
    exchangeLogging: null,
    namesRequests: false,
    tellsTimes: false,
  };
}

function countByPhase(connections: HttpServer["connections"]): Readonly<Record<OpenPhase, number>> {
  const counts = { "proxy-header": 0, idle: 0, head: 0, content: 0, answer: 0, lingering: 0 };
  for (const { phase } of connections) if (phase !== "closed") counts[phase]++;
  return counts;
}

function acceptQueueOf({ address, descriptor, effectiveBacklog }: Listener): AcceptQueueFigures {
  const queue = descriptor === null ? null : acceptQueue(descriptor);
  return {
    address: addressText(address),
    queued: queue?.queued ?? null,
    queuedMax: queue?.queuedMax ?? effectiveBacklog,
  };
}

function addressText(address: Listener["address"]): string {
  const text = formatAddress(address);
  return address.family === "unix" ? text : `http://${text}`;
}

function memoryOf(pid: number | null): number | null {
  return pid === null ? null : residentBytes(pid);
}

/** What is not known counts nothing; null where nothing is known. */
function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}
