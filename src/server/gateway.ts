/**
 * The whole program as an object: the sockets, the application's processes, and the order in which
 * they start and stop. Reads no argv and handles no signal.
 */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { HeaderMap } from "../handlers/header-map.ts";
import { PythonApplication } from "../handlers/python-application.ts";
import type { BindAddress } from "../net/bind-address.ts";
import { DeadlineSweep } from "../net/deadlines.ts";
import type { Transport } from "../net/transport.ts";
import { Supervisor, type SupervisorSettings } from "../workers/supervisor.ts";
import type { LoadedApplication } from "../workers/zygote.ts";
import { HttpServer, type HttpServerSettings, SWEEP_INTERVAL_MS } from "./http-server.ts";

export interface GatewaySettings {
  readonly bind: readonly BindAddress[];
  readonly backlog: number;
  readonly http: HttpServerSettings;
  readonly headerMap: HeaderMap;
  readonly supervisor: SupervisorSettings;
  /** What accepted requests get to be answered once the gateway is being stopped. */
  readonly gracefulTimeoutMs: number;
}

/** What workers get to end once nothing is under way. */
const WORKERS_END_MS = 2_000;

export class Gateway {
  readonly server: HttpServer;
  readonly supervisor: Supervisor;
  readonly #transport: Transport;
  readonly #settings: GatewaySettings;
  readonly #log: Log;
  readonly #sweep: DeadlineSweep;
  #stopped: Promise<void> | null = null;
  #hurried = false;

  constructor(transport: Transport, settings: GatewaySettings, log: Log, clock: Clock) {
    this.#transport = transport;
    this.#settings = settings;
    this.#log = log;
    this.supervisor = new Supervisor(transport, settings.supervisor, log, () => clock.nowMs());
    const application = new PythonApplication(
      this.supervisor.dispatcher,
      settings.supervisor.zygote.rootPath,
      settings.headerMap,
    );
    this.server = new HttpServer(transport, application, settings.http, log, clock);
    this.#sweep = new DeadlineSweep(SWEEP_INTERVAL_MS, () => {
      this.server.sweep();
      this.supervisor.sweep();
    });
  }

  /**
   * Binds, loads the application, forks the workers, and begins to accept.
   *
   * @throws {OperatorError} exit status 1 to 4; everything that had been started is gone then
   */
  async start(): Promise<LoadedApplication> {
    try {
      await this.server.listen(this.#settings.bind, this.#settings.backlog);
      this.#sweep.start();
      const files = this.server.listeners.flatMap((listener) => listener.file ?? []);
      const loaded = await this.supervisor.start(files);
      this.server.start();
      return loaded;
    } catch (error) {
      await this.#end(0);
      throw error;
    }
  }

  /** Whether somebody has asked it to stop. */
  get stopping(): boolean {
    return this.#stopped !== null || this.#hurried;
  }

  /** Answers everything that has been accepted, then ends. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopGracefully();
    return this.#stopped;
  }

  /** Ends at once; also what `stop` has begun. */
  async stopNow(): Promise<void> {
    this.#hurried = true;
    this.server.closeAll();
    await this.#end(0);
  }

  async #stopGracefully(): Promise<void> {
    const { gracefulTimeoutMs } = this.#settings;
    const timer = setTimeout(() => {
      this.#log.warn("not everything was answered within --graceful-timeout", {
        connections: this.server.connectionCount,
      });
      this.server.closeAll();
    }, gracefulTimeoutMs);
    await this.server.drain();
    clearTimeout(timer);
    if (!this.#hurried) await this.#end(WORKERS_END_MS);
  }

  async #end(workersBoundMs: number): Promise<void> {
    this.server.stopListening();
    await this.supervisor.stop(workersBoundMs);
    this.#sweep.stop();
    this.#transport.close();
  }
}
