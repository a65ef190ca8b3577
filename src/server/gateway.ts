/**
 * The whole program as an object: the sockets, the application's processes, and the order in which
 * they start and stop. Reads no argv and handles no signal.
 */
import type { Clock } from "../base/clock.ts";
import { OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { HeaderMap } from "../handlers/header-map.ts";
import { type HealthPaths, HealthRule } from "../handlers/health-rule.ts";
import { PythonApplication } from "../handlers/python-application.ts";
import type { BindAddress } from "../net/bind-address.ts";
import { DeadlineSweep } from "../net/deadlines.ts";
import type { Listener, Transport } from "../net/transport.ts";
import type { FileIdentity } from "../net/unix-socket-file.ts";
import type { CommonReload } from "../workers/common-reload.ts";
import type { ReloadOutcome } from "../workers/supervisor-status.ts";
import {
  Supervisor,
  type SupervisorEvents,
  type SupervisorSettings,
} from "../workers/supervisor.ts";
import type { WorkerRange } from "../workers/worker-scaling.ts";
import type { LoadedApplication } from "../workers/zygote.ts";
import { within } from "./bounded-wait.ts";
import type { ControlSocket } from "./control/control-socket.ts";
import type { Dashboard } from "./dashboard/dashboard.ts";
import { Development, type DevelopmentSettings } from "./development/development.ts";
import { type GatewayEvent, type GatewayState, nextGatewayState } from "./gateway-state.ts";
import type { GatewayStatus } from "./gateway-status.ts";
import { listeningUrl } from "./listening-url.ts";
import { GatewayMetrics, type MetricsSettings } from "./observation/gateway-metrics.ts";
import { Observation, type ObservedExchanges } from "./observation/observation.ts";
import type { StackResult } from "./observation/snapshot.ts";
import { Succession, type SuccessionSettings } from "./succession.ts";
import type { GatewaySurroundings } from "./surroundings.ts";
import type { ListeningPlace } from "./takeover.ts";
import { HttpServer, type HttpServerSettings, SWEEP_INTERVAL_MS } from "./http-server.ts";

export interface GatewaySettings {
  readonly version: string;
  readonly bind: readonly BindAddress[];
  readonly backlog: number;
  readonly http: HttpServerSettings;
  /** Among whoever hears of exchanges, for whoever looks at the gateway. */
  readonly exchanges: ObservedExchanges;
  /** null where they are not told. */
  readonly metrics: MetricsSettings | null;
  readonly health: HealthPaths;
  readonly headerMap: HeaderMap;
  readonly supervisor: SupervisorSettings;
  /**
   * From the moment at which it says that it is not ready any more until it stops accepting; null
   * for no time.
   */
  readonly drainDelayMs: number | null;
  /** What accepted requests get to be answered once accepting has stopped. */
  readonly gracefulTimeoutMs: number;
  readonly surroundings: GatewaySurroundings;
  readonly succession: SuccessionSettings;
  /** What is watched, and shown, with `--reload`; null without it. */
  readonly development: DevelopmentSettings | null;
}

/** What workers get to end once nothing is under way. */
const WORKERS_END_MS = 2_000;
/** Requests that are named where they are cut off; the others are counted. */
const CUT_OFF_SHOWN_MAX = 20;

export class Gateway {
  readonly server: HttpServer;
  readonly supervisor: Supervisor;
  readonly observation: Observation;
  /** null where nobody asks for figures. */
  readonly metrics: GatewayMetrics | null;
  state: GatewayState = "starting";
  /** Where it can be asked and told; null where it cannot. */
  control: ControlSocket | null = null;
  /** Where people look at it; null where they do not. */
  dashboard: Dashboard | null = null;
  readonly #transport: Transport;
  readonly #settings: GatewaySettings;
  readonly #log: Log;
  readonly #sweep: DeadlineSweep;
  readonly #startedAtMs: number;
  readonly #surroundings: GatewaySurroundings;
  readonly #succession: Succession;
  readonly #development: Development | null;
  /** Another process accepts from the sockets: nobody has to be told to go elsewhere. */
  #handedOver = false;
  #stopped: Promise<void> | null = null;
  #hurried = false;
  readonly #hurry = Promise.withResolvers<void>();
  /** Settled when the start is over, however it went. */
  readonly #startOver = Promise.withResolvers<void>();

  constructor(transport: Transport, settings: GatewaySettings, log: Log, clock: Clock) {
    this.#transport = transport;
    this.#settings = settings;
    this.#log = log;
    this.#startedAtMs = clock.epochMs();
    this.#surroundings = settings.surroundings;
    this.#succession = new Succession(settings.succession, this, settings.surroundings, log);
    this.observation = new Observation(this, settings.exchanges, settings.backlog, clock);
    const events: SupervisorEvents = {
      onFiles: (files) => this.#development?.onFiles(files),
      onChange: ({ kind, text }) => this.observation.mark(kind, text),
    };
    this.supervisor = new Supervisor(transport, settings.supervisor, events, log, clock);
    const application = new PythonApplication(
      this.supervisor.dispatcher,
      settings.supervisor.generation.zygote.rootPath,
      settings.headerMap,
      settings.http.namesRequests,
    );
    const { development } = settings;
    this.#development =
      development === null ? null : new Development(development, application, this, log, clock);
    if (this.#development !== null) this.supervisor.reloads = this.#development;
    const { metrics, http, exchanges } = settings;
    this.metrics =
      metrics === null
        ? null
        : new GatewayMetrics(metrics, this, exchanges.statistics, transport, http, log, clock);
    const site = this.#development?.site ?? application;
    const handler = this.metrics?.inFrontOf(site) ?? site;
    this.server = new HttpServer(transport, handler, http, log, clock);
    const { livez, readyz } = settings.health;
    if (livez !== null || readyz !== null) {
      this.server.health = new HealthRule(settings.health, () => this.#whyNotReady());
    }
    this.#sweep = new DeadlineSweep(SWEEP_INTERVAL_MS, () => {
      this.server.sweep();
      this.supervisor.sweep();
      this.observation.sweep();
      this.metrics?.sweep();
      this.#surroundings.sweep(clock.nowMs());
    });
  }

  /**
   * Binds, loads the application, forks the workers, and begins to accept.
   *
   * @returns null where the code does not load, and `--reload` waits until it does
   * @throws {OperatorError} exit status 1 to 4; everything that had been started is gone then
   */
  async start(): Promise<LoadedApplication | null> {
    try {
      const { bind, backlog } = this.#settings;
      const open = (address: BindAddress, bound = backlog): Promise<Listener> =>
        this.#surroundings.listen(this.#transport, address, bound);
      await this.server.listen(bind, backlog, open);
      await this.metrics?.listen(open);
      const listeners = [...this.server.listeners, ...(this.metrics?.listeners ?? [])];
      this.#surroundings.onBound(listeners);
      await this.#transport.prepare();
      this.#sweep.start();
      const files = listeners.flatMap((listener) => listener.file ?? []);
      const controlFile = (await this.control?.open()) ?? null;
      if (controlFile !== null) files.push(controlFile);
      const dashboardFile = (await this.dashboard?.open()) ?? null;
      if (dashboardFile !== null) files.push(dashboardFile);
      const loaded = await this.#load(files);
      if (loaded !== null) await this.#surroundings.beforeAccepting(loaded);
      this.server.start();
      this.metrics?.start();
      if (this.state === "starting") this.#take("started");
      this.observation.mark("started", this.#statusLine());
      await this.#surroundings.onServing(this.#statusLine());
      await this.control?.takeOver();
      this.dashboard?.takeOver();
      return loaded;
    } catch (error) {
      await this.#end(0);
      throw error;
    } finally {
      this.#startOver.resolve();
    }
  }

  /** Whether somebody has asked it to stop. */
  get stopping(): boolean {
    return this.state !== "starting" && this.state !== "serving";
  }

  /** Whether it wants to be sent requests: it has workers for them, and is not being stopped. */
  get ready(): boolean {
    return this.state === "serving" && this.supervisor.ready;
  }

  /**
   * Brings the application's code as it is now into service. While the first is being imported, it
   * waits: nobody can tell which of its files are old.
   *
   * @param common null where this gateway does so alone
   */
  async reload(common: CommonReload | null = null): Promise<ReloadOutcome> {
    await this.#startOver.promise;
    this.#surroundings.onReloading();
    const outcome = await this.supervisor.reload(common);
    const failed = outcome.kind === "failed" ? `; the last reload failed: ${outcome.why}` : "";
    if (this.isServing) this.#surroundings.onReloaded(this.#statusLine() + failed);
    return outcome;
  }

  /** Whether it accepts, and nobody has asked it to stop. */
  get isServing(): boolean {
    return this.state === "serving";
  }

  /** Where it listens, as it was asked for. */
  places(): ListeningPlace[] {
    const own = this.server.listeners.flatMap((listener, index) => {
      const bind = this.#settings.bind[index];
      return bind === undefined ? [] : [{ bind, listener }];
    });
    return [...own, ...(this.metrics?.places() ?? [])];
  }

  /**
   * Starts this program anew, with the same sockets, and ends once that serves.
   *
   * @returns whether it has ended; it goes on where the other does not serve
   */
  async handOver(): Promise<boolean> {
    if (!(await this.#succession.begin())) return false;
    this.#handedOver = true;
    this.dashboard?.close();
    this.metrics?.close();
    await this.stop();
    return true;
  }

  /** Gives up on code that is being loaded: there is newer code by now. */
  abandonReload(): void {
    this.supervisor.abandon();
  }

  get workerRange(): WorkerRange {
    return this.supervisor.workerRange;
  }

  scale(range: WorkerRange): void {
    this.supervisor.scale(range);
  }

  /** Python's stack of one of the workers, as it is now; bounded in time and length. */
  stack(pid: number): Promise<StackResult> {
    return this.observation.stack(pid);
  }

  /** Answers everything that has been accepted, then ends. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopGracefully();
    return this.#stopped;
  }

  /** Somebody is in a hurry: `--drain-delay` is over, also one that has not begun. */
  skipDrainDelay(): void {
    this.#hurry.resolve();
  }

  /** Ends at once; also what `stop` has begun. */
  async stopNow(): Promise<void> {
    this.#take("hurried");
    void this.#succession.abandon();
    this.#hurried = true;
    this.#hurry.resolve();
    this.#cutOff("at once, as asked");
    await this.#end(0);
    this.#log.info("stopped");
  }

  status(): GatewayStatus {
    const { listeners, connectionCount } = this.server;
    return {
      version: this.#settings.version,
      pid: process.pid,
      application: this.#settings.supervisor.generation.zygote.reference,
      startedAtMs: this.#startedAtMs,
      state: this.state,
      addresses: listeners.map(({ address }) => listeningUrl(address)),
      connections: connectionCount,
      ...this.supervisor.status(),
    };
  }

  /** In development code that does not load is no reason to end: it is shown, and is repaired. */
  async #load(files: readonly FileIdentity[]): Promise<LoadedApplication | null> {
    this.#development?.start();
    try {
      const loaded = await this.supervisor.start(files);
      this.#development?.loadedAtStart();
      return loaded;
    } catch (error) {
      const goesOn = this.#development !== null && !this.stopping;
      if (!goesOn || !(error instanceof OperatorError)) throw error;
      this.#development?.brokenAtStart(error);
      return null;
    }
  }

  async #stopGracefully(): Promise<void> {
    const { drainDelayMs, gracefulTimeoutMs } = this.#settings;
    this.#take("stop-asked");
    const { connectionCount: connections } = this.server;
    this.#log.info("stopping: what was accepted is answered", { connections });
    const abandoned = this.#succession.abandon();
    this.#surroundings.onStopping("answers what it has accepted");
    if (drainDelayMs !== null && !this.#handedOver) await this.#wait(drainDelayMs);
    // It accepts until then; `Succession` says why.
    await abandoned;
    if (this.#hurried) return;
    this.#take("delay-over");
    const timer = setTimeout(() => {
      this.#cutOff("--graceful-timeout is over");
    }, gracefulTimeoutMs);
    this.#development?.close();
    await this.server.drain();
    clearTimeout(timer);
    if (this.#hurried) return;
    this.#take("drained");
    const { exchangeLogging } = this.#settings.http;
    await Promise.all([this.#end(WORKERS_END_MS), exchangeLogging?.listener.finish?.()]);
    this.#log.info("stopped");
  }

  /** Closes all connections, and says which requests get no answer by that. */
  #cutOff(why: string): void {
    const cut = [...this.supervisor.dispatcher.unanswered()];
    const { connectionCount: connections } = this.server;
    this.#log.warn("stopping: what is not answered is cut off", {
      why,
      requests: cut.length,
      connections,
    });
    for (const request of cut.slice(0, CUT_OFF_SHOWN_MAX)) {
      const fields = { request: request.describe(), requestId: request.id };
      this.#log.warn("a request was cut off", fields);
    }
    this.server.closeAll();
  }

  /** Until the time is over, or everything is to end at once. */
  async #wait(delayMs: number): Promise<void> {
    await within(this.#hurry.promise, delayMs);
  }

  /** null where it is. */
  #whyNotReady(): string | null {
    if (this.ready) return null;
    return this.stopping ? "stopping" : "no worker is ready";
  }

  #statusLine(): string {
    return `serves ${this.#settings.supervisor.generation.zygote.reference}`;
  }

  #take(event: GatewayEvent): void {
    this.state = nextGatewayState(this.state, event);
  }

  async #end(workersBoundMs: number): Promise<void> {
    this.#development?.close();
    this.server.stopListening();
    this.metrics?.close();
    this.dashboard?.close();
    this.control?.close();
    await this.supervisor.stop(workersBoundMs);
    this.#sweep.stop();
    this.#transport.close();
  }
}
