/**
 * Several gateways as one program: binds the sockets, starts the gateways, and is to everybody
 * outside what a single gateway would be. Owns no connection.
 *
 * Owns the order of start and stop, as `src/server/gateway.ts` does for one. Which processes there
 * are is `gateway-group.ts`; reads no argv and handles no signal.
 */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { BindAddress } from "../../net/bind-address.ts";
import { DeadlineSweep } from "../../net/deadlines.ts";
import type { Listener, Transport } from "../../net/transport.ts";
import { type FileIdentity, removeIfSame } from "../../net/unix-socket-file.ts";
import type { ReloadOutcome } from "../../workers/supervisor-status.ts";
import type { WorkerRange } from "../../workers/worker-scaling.ts";
import type { LoadedApplication } from "../../workers/zygote.ts";
import type { ControlSocket } from "../control/control-socket.ts";
import type { Dashboard } from "../dashboard/dashboard.ts";
import { type GatewayEvent, type GatewayState, nextGatewayState } from "../gateway-state.ts";
import type { GatewayStatus } from "../gateway-status.ts";
import type { MetricsAtAddress } from "../observation/gateway-metrics.ts";
import { type MetricsHttpSettings, MetricsServer } from "../observation/metrics-server.ts";
import type { StackResult } from "../observation/snapshot.ts";
import { listeningUrl } from "../listening-url.ts";
import { Succession, type SuccessionSettings } from "../succession.ts";
import type { Surroundings } from "../surroundings.ts";
import type { ListeningPlace } from "../takeover.ts";
import { combinedStatus, type LeaderStatus } from "./combined-status.ts";
import { GatewayGroup, type GroupChange, type GroupSettings } from "./gateway-group.ts";
import { GroupMetrics } from "./group-metrics.ts";
import { GroupObservation } from "./group-observation.ts";
import { reloadTogether } from "./group-reload.ts";
import { type GroupPlace, listeningPlaces, openPlace } from "./listening-places.ts";

export interface LeaderSettings {
  readonly version: string;
  /** As it was given. */
  readonly reference: string;
  readonly bind: readonly BindAddress[];
  readonly backlog: number;
  readonly group: GroupSettings;
  /** Those of all gateways, at an address of their own; null where nobody asks for them. */
  readonly metrics: (MetricsAtAddress & { readonly http: MetricsHttpSettings }) | null;
  /** What a graceful stop may take, beside `--drain-delay`; then what is left is killed. */
  readonly stopMs: number;
  readonly drainDelayMs: number | null;
  readonly surroundings: Surroundings;
  readonly succession: SuccessionSettings;
}

const SWEEP_INTERVAL_MS = 250;
/** What gateways get to end at once. */
const STOP_NOW_MS = 3_000;
/** What a gateway gets to say how it is. */
const STATUS_TIMEOUT_MS = 2_000;
/** What it gets for a worker's stack, for which that worker has 2 s. */
const STACK_TIMEOUT_MS = 4_000;

export class Leader {
  readonly observation: GroupObservation;
  state: GatewayState = "starting";
  /** Where it can be asked and told; null where it cannot. */
  control: ControlSocket | null = null;
  /** Where people look at it; null where they do not. */
  dashboard: Dashboard | null = null;
  readonly #transport: Transport;
  readonly #settings: LeaderSettings;
  readonly #log: Log;
  readonly #startedAtMs: number;
  readonly #surroundings: Surroundings;
  readonly #succession: Succession;
  readonly #group: GatewayGroup;
  readonly #metrics: MetricsServer | null = null;
  readonly #sweep: DeadlineSweep;
  #places: readonly GroupPlace[] = [];
  /** As they were bound; they are still known when the sockets are closed. */
  #addresses: readonly string[] = [];
  /** Of sockets that are closed here; nobody else's. */
  readonly #files: FileIdentity[] = [];
  #handedOver = false;
  #stopped: Promise<void> | null = null;
  #hurried = false;
  #reloading: Promise<ReloadOutcome> | null = null;
  #reloadingNext: Promise<ReloadOutcome> | null = null;
  readonly #startOver = Promise.withResolvers<void>();

  constructor(transport: Transport, settings: LeaderSettings, log: Log, clock: Clock) {
    this.#transport = transport;
    this.#settings = settings;
    this.#log = log;
    this.#startedAtMs = clock.epochMs();
    this.#surroundings = settings.surroundings;
    this.#succession = new Succession(settings.succession, this, settings.surroundings, log);
    this.observation = new GroupObservation(
      {
        gateways: () => this.#group.alive,
        status: () => this.#ownStatus(),
        sockets: () => this.#places.map(({ listeners }) => listeners),
        stack: (pid) => this.stack(pid),
      },
      settings.backlog,
      clock,
    );
    const onChange = ({ kind, text }: GroupChange): void => this.observation.mark(kind, text);
    this.#group = new GatewayGroup(settings.group, onChange, log, clock);
    const { metrics } = settings;
    if (metrics !== null) {
      const figures = new GroupMetrics(this.#group, this.#startedAtMs);
      const text = metrics.makeText(() => figures.tell());
      this.#metrics = new MetricsServer(metrics.bind, text, transport, metrics.http, log, clock);
    }
    this.#sweep = new DeadlineSweep(SWEEP_INTERVAL_MS, () => {
      const nowMs = clock.nowMs();
      this.#group.sweep(nowMs);
      this.#metrics?.sweep();
      this.#surroundings.sweep(nowMs);
    });
  }

  /**
   * Binds, has every gateway load the application, and then has them accept.
   *
   * @throws {OperatorError} exit status 1 to 4: what the first gateway says that does not start;
   *   everything that had been started is gone then
   */
  async start(): Promise<LoadedApplication> {
    try {
      await this.#bind();
      this.#surroundings.onBound(this.places().map(({ listener }) => listener));
      this.#sweep.start();
      const controlFile = (await this.control?.open()) ?? null;
      const dashboardFile = (await this.dashboard?.open()) ?? null;
      const ownFiles = (): FileIdentity[] => {
        const files = this.places().map(({ listener }) => (listener.shared ? null : listener.file));
        return [...files, controlFile, dashboardFile].filter((file) => file !== null);
      };
      this.#group.inherit(ownFiles());
      const loaded = await this.#group.start(this.#places);
      await this.#group.accept();
      this.#metrics?.start();
      if (this.state === "starting") this.#take("started");
      this.observation.mark("started", this.#statusLine());
      await this.#surroundings.onServing(this.#statusLine());
      await this.control?.takeOver();
      this.dashboard?.takeOver();
      // Those of a predecessor are this process's by now.
      this.#group.inherit(ownFiles());
      return loaded;
    } catch (error) {
      await this.#end(0);
      throw error;
    } finally {
      this.#startOver.resolve();
    }
  }

  /** The sockets of the site. */
  get listeners(): Listener[] {
    return listeningPlaces(this.#places).map(({ listener }) => listener);
  }

  /** Each socket, as it was asked for. */
  places(): ListeningPlace[] {
    return [...listeningPlaces(this.#places), ...(this.#metrics?.places() ?? [])];
  }

  /** Where it listens, each as a URL or `unix:/path`. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Where a person finds the metrics; null where they are not told. */
  get metricsUrl(): string | null {
    return this.#metrics?.url ?? null;
  }

  /** Whether its gateways accept, and nobody has asked it to stop. */
  get isServing(): boolean {
    return this.state === "serving";
  }

  get stopping(): boolean {
    return this.state !== "starting" && this.state !== "serving";
  }

  get workerRange(): WorkerRange {
    return this.#group.workers;
  }

  /** Brings the code as it is now into service, in all gateways or in none. */
  reload(): Promise<ReloadOutcome> {
    if (this.#reloading === null) {
      this.#reloading = this.#reload().finally(() => (this.#reloading = null));
      return this.#reloading;
    }
    this.#reloadingNext ??= this.#reloading.then(() => {
      this.#reloadingNext = null;
      return this.reload();
    });
    return this.#reloadingNext;
  }

  /** @param range of all gateways together; each end at least their number */
  scale(range: WorkerRange): void {
    this.#group.scale(range);
  }

  async reopenLogs(): Promise<void> {
    await this.#group.askAll("reopen-logs", null);
  }

  /** What all say together; one that does not answer in time is named and not counted. */
  async status(): Promise<GatewayStatus> {
    const parts = this.#group.alive.map(async (gateway) => {
      const status = await gateway.ask("status", null, STATUS_TIMEOUT_MS);
      return { index: gateway.index, pid: gateway.pid, status };
    });
    return combinedStatus(this.#ownStatus(), await Promise.all(parts));
  }

  /** Python's stack of one of the workers, as it is now: asked of the gateway that has it. */
  async stack(pid: number): Promise<StackResult> {
    const { generations, gateways = [] } = await this.status();
    const owner = generations.find(({ workers }) => workers.some((worker) => worker.pid === pid));
    const gateway = this.#group.alive.find((one) => one.pid === owner?.gatewayPid);
    if (gateway === undefined) {
      const isSilent = gateways.some(({ state }) => state === null);
      const where = isSilent ? "in those gateways that answer" : "here";
      return { kind: "refused", why: `${pid} is the PID of no worker ${where}` };
    }
    const result = await gateway.ask("stack", { pid }, STACK_TIMEOUT_MS);
    if (result !== null) return result;
    return { kind: "refused", why: `the gateway of worker PID ${pid} does not say` };
  }

  /**
   * Starts this program anew, with the same sockets, and ends once that serves.
   *
   * @returns whether it has ended; it goes on where the other does not serve
   */
  async handOver(): Promise<boolean> {
    if (!(await this.#succession.begin())) return false;
    this.#handedOver = true;
    // The sockets' files are the successor's, whatever becomes of this process.
    this.#group.inherit([]);
    this.dashboard?.close();
    this.#metrics?.close();
    await this.stop();
    return true;
  }

  /** All answer what they have accepted, then end. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopGracefully();
    return this.#stopped;
  }

  /** Somebody is in a hurry: `--drain-delay` is over, also one that has not begun. */
  skipDrainDelay(): void {
    void this.#group.askAll("hurry", null);
  }

  /** Ends at once; also what `stop` has begun. */
  async stopNow(): Promise<void> {
    this.#take("hurried");
    void this.#succession.abandon();
    this.#hurried = true;
    this.#group.beginEnd();
    void this.#group.askAll("stop-now", null);
    await this.#end(STOP_NOW_MS);
    this.#log.info("stopped");
  }

  async #bind(): Promise<void> {
    const { bind, backlog, group } = this.#settings;
    const places: GroupPlace[] = [];
    this.#places = places;
    for (const address of bind) {
      const { gateways } = group;
      places.push(await openPlace(address, gateways, backlog, this.#transport, this.#surroundings));
    }
    await this.#metrics?.listen((address, bound) =>
      this.#surroundings.listen(this.#transport, address, bound),
    );
    this.#addresses = places.flatMap(({ listeners: [first] }) =>
      first === undefined ? [] : listeningUrl(first.address),
    );
  }

  async #reload(): Promise<ReloadOutcome> {
    await this.#startOver.promise;
    if (this.stopping) return { kind: "stopping" };
    this.#surroundings.onReloading();
    const outcome = await reloadTogether(this.#group);
    const failed = outcome.kind === "failed" ? `; the last reload failed: ${outcome.why}` : "";
    if (this.isServing) this.#surroundings.onReloaded(this.#statusLine() + failed);
    if (outcome.kind === "serving") {
      const { generation } = outcome;
      this.#log.info("the new generation serves in all gateways", { generation });
      this.observation.mark("reload", `generation ${generation} serves in all gateways`);
    } else if (outcome.kind === "failed") {
      const { generation, why } = outcome;
      this.#log.error("the new generation serves in no gateway", { generation, why });
      this.observation.mark("reload-failed", `generation ${generation} failed: ${why}`);
    }
    return outcome;
  }

  async #stopGracefully(): Promise<void> {
    const { drainDelayMs, stopMs } = this.#settings;
    this.#take("stop-asked");
    const waits = drainDelayMs !== null && !this.#handedOver;
    const abandoned = this.#succession.abandon();
    this.#surroundings.onStopping("answers what it has accepted");
    const { gateways } = this.#settings.group;
    this.#log.info("stopping: the gateways answer what they have accepted", { gateways });
    // The gateways accept until then; `Succession` says why.
    await abandoned;
    if (this.#hurried) return;
    this.#group.beginEnd();
    // With the last descriptor of a socket what waits in its queue is lost, so the last ones have
    // to be those of the gateways, who empty the queues before they close them.
    this.#closeSockets();
    void this.#group.askAll("stop", { waits });
    await this.#group.untilEnded((waits ? drainDelayMs : 0) + stopMs);
    if (this.#hurried) return;
    this.#take("delay-over");
    this.#take("drained");
    await this.#end(0);
    this.#log.info("stopped");
  }

  #ownStatus(): LeaderStatus {
    const { version, reference } = this.#settings;
    return {
      version,
      pid: process.pid,
      application: reference,
      startedAtMs: this.#startedAtMs,
      state: this.state,
      addresses: this.#addresses,
      workers: this.#group.workers,
    };
  }

  #statusLine(): string {
    return `serves ${this.#settings.reference} by ${this.#settings.group.gateways} gateways`;
  }

  #take(event: GatewayEvent): void {
    this.state = nextGatewayState(this.state, event);
  }

  /** The files keep their names: who connects meanwhile is still accepted by a gateway. */
  #closeSockets(): void {
    for (const listener of this.listeners) {
      if (listener.file !== null && !listener.shared) this.#files.push(listener.file);
      listener.shared = true;
      listener.stop();
    }
    this.#places = [];
  }

  /** @param boundMs what the gateways get to end by themselves; 0 kills them */
  async #end(boundMs: number): Promise<void> {
    this.dashboard?.close();
    this.control?.close();
    await this.#group.untilEnded(boundMs);
    this.#metrics?.close();
    this.#closeSockets();
    for (const file of this.#files) removeIfSame(file);
    this.#sweep.stop();
    this.#transport.close();
  }
}
