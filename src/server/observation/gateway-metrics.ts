/**
 * The metrics of a gateway: where they are told, and what they are read from.
 *
 * At an address of their own they have a server of their own (`metrics-server.ts`). At a path they
 * stand in front of the application. One of several gateways tells them to its leader alone. Owns
 * that choice; the text is `metrics-text.ts`.
 */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { RequestHandler } from "../../handlers/handler.ts";
import type { BindAddress } from "../../net/bind-address.ts";
import type { Listener, Transport } from "../../net/transport.ts";
import { descriptorUse } from "../../os/descriptors.ts";
import { residentBytes } from "../../os/process-memory.ts";
import { realClock } from "../../os/real-clock.ts";
import { acceptQueue } from "../../os/tcp-info.ts";
import type { RestartCounts } from "../../workers/worker-end.ts";
import type { GatewayStatus } from "../gateway-status.ts";
import type { HttpServer } from "../http-server.ts";
import { listeningUrl, pageUrl } from "../listening-url.ts";
import type { ListeningPlace } from "../takeover.ts";
import { CpuTimes } from "./cpu-times.ts";
import { EventLoopDelay } from "./event-loop-delay.ts";
import type { ExchangeStatistics } from "./exchange-statistics.ts";
import { tellAll } from "./metric-families.ts";
import type { ToldFamily } from "./metric-family.ts";
import { MetricsHandler } from "./metrics-handler.ts";
import { type MetricsHttpSettings, MetricsServer } from "./metrics-server.ts";
import type {
  AcceptQueueFigures,
  MetricsReading,
  MetricsSource,
  OpenPhase,
  ReloadCounts,
} from "./metrics-source.ts";
import type { MetricsText } from "./metrics-text.ts";

/** Makes a text of what is told whenever one is wanted. */
export type MakeMetricsText = (
  tell: () => readonly ToldFamily[] | Promise<readonly ToldFamily[]>,
) => MetricsText;

export interface MetricsAtAddress {
  readonly kind: "address";
  readonly bind: BindAddress;
  readonly makeText: MakeMetricsText;
}

export interface MetricsAtPath {
  readonly kind: "path";
  readonly path: string;
  readonly makeText: MakeMetricsText;
}

export type MetricsSettings =
  | MetricsAtAddress
  | MetricsAtPath
  /** The leader of several gateways asks for them. */
  | { readonly kind: "leader" };

/** The part of the gateway that is measured. */
export interface MeasuredGateway {
  status(): GatewayStatus;
  readonly server: Pick<HttpServer, "listeners" | "connections">;
  readonly supervisor: {
    readonly restarts: Readonly<RestartCounts>;
    readonly reloadOutcomes: Readonly<ReloadCounts>;
  };
}

export class GatewayMetrics implements MetricsSource {
  readonly #settings: MetricsSettings;
  readonly #gateway: MeasuredGateway;
  readonly #statistics: ExchangeStatistics;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #cpuTimes = new CpuTimes();
  readonly #delay = new EventLoopDelay(() => realClock.nowMs());
  /** null where they have no address of their own. */
  readonly #server: MetricsServer | null = null;

  constructor(
    settings: MetricsSettings,
    gateway: MeasuredGateway,
    statistics: ExchangeStatistics,
    transport: Transport,
    http: MetricsHttpSettings,
    log: Log,
    clock: Clock,
  ) {
    this.#settings = settings;
    this.#gateway = gateway;
    this.#statistics = statistics;
    this.#log = log;
    this.#clock = clock;
    if (settings.kind !== "address") return;
    const text = settings.makeText(() => this.tell());
    this.#server = new MetricsServer(settings.bind, text, transport, http, log, clock);
  }

  get routes(): readonly string[] {
    return this.#statistics.routes.names;
  }

  /** Who answers on the sockets of the site, in front of whoever did. */
  inFrontOf(handler: RequestHandler): RequestHandler {
    const settings = this.#settings;
    if (settings.kind !== "path") return handler;
    const text = settings.makeText(() => this.tell());
    return new MetricsHandler(settings.path, text, handler, () => this.#clock.nowMs(), this.#log);
  }

  get listeners(): readonly Listener[] {
    return this.#server?.listeners ?? [];
  }

  /** Where a person finds them; null where they are told to a leader alone. */
  get url(): string | null {
    const settings = this.#settings;
    if (settings.kind !== "path") return this.#server?.url ?? null;
    const [listener] = this.#gateway.server.listeners;
    return listener === undefined ? null : pageUrl(listener.address, settings.path);
  }

  /** Where it listens, as it was asked for. */
  places(): ListeningPlace[] {
    return this.#server?.places() ?? [];
  }

  /** As {@link MetricsServer.listen}, where they have an address of their own. */
  async listen(open: (bind: BindAddress, backlog: number) => Promise<Listener>): Promise<void> {
    await this.#server?.listen(open);
  }

  /** The gateway serves. */
  start(): void {
    this.#delay.start();
    this.#server?.start();
  }

  /** Called several times a second. */
  sweep(): void {
    this.#server?.sweep();
  }

  /** The process ends, or another one tells its own. */
  close(): void {
    this.#delay.stop();
    this.#server?.close();
  }

  /** All figures of this moment. */
  tell(): ToldFamily[] {
    return tellAll(this);
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
      cpuTime: this.#cpuTimes.read(status),
      descriptors: descriptorUse(),
      residentMemory: {
        gateway: residentBytes(status.pid),
        zygotes: sum(status.generations.map(({ zygotePid }) => memoryOf(zygotePid))),
        workers: sum(
          status.generations.flatMap(({ workers }) => workers.map((one) => one.rssBytes)),
        ),
      },
    };
  }
}

function countByPhase(connections: HttpServer["connections"]): Readonly<Record<OpenPhase, number>> {
  const counts = { "proxy-header": 0, idle: 0, head: 0, content: 0, answer: 0, lingering: 0 };
  for (const { phase } of connections) if (phase !== "closed") counts[phase]++;
  return counts;
}

function acceptQueueOf({ address, descriptor, effectiveBacklog }: Listener): AcceptQueueFigures {
  const queue = descriptor === null ? null : acceptQueue(descriptor);
  return {
    address: listeningUrl(address),
    queued: queue?.queued ?? null,
    queuedMax: queue?.queuedMax ?? effectiveBacklog,
  };
}

function memoryOf(pid: number | null): number | null {
  return pid === null ? null : residentBytes(pid);
}

/** What is not known counts nothing; null where nothing is known. */
function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}
