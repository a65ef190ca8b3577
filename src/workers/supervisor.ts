/**
 * Which generation has the traffic: starts the first one, brings up a new one beside it, moves the
 * traffic when that one is ready, watches it for a while, and moves it back where it fails.
 *
 * The gateway is the grandparent of the workers; `generation.ts` has what concerns one import of
 * the code, `dispatcher.ts` the requests. Nothing here waits by itself: time passes by `sweep`.
 */
import { OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Transport } from "../net/transport.ts";
import type { FileIdentity } from "../net/unix-socket-file.ts";
import type { ApplicationRequest } from "./application-request.ts";
import type { WorkerChannel } from "./channel.ts";
import { agree, type CommonReload } from "./common-reload.ts";
import { Dispatcher, type DispatcherEvents, type DispatcherLimits } from "./dispatcher.ts";
import { FailureComparison } from "./failure-comparison.ts";
import { Generation, type GenerationEvents, type GenerationSettings } from "./generation.ts";
import { type GenerationRecord, GenerationWatch } from "./generation-watch.ts";
import type { Job } from "./job.ts";
import { difference } from "./recent-record.ts";
import { LoggedReloads, type ReloadReport } from "./reload-report.ts";
import type {
  ReloadOutcome,
  ReloadStatus,
  SupervisorChange,
  SupervisorStatus,
} from "./supervisor-status.ts";
import { noRestarts, type RestartCause } from "./worker-end.ts";
import type { WorkerReport } from "./worker-report.ts";
import { type WorkerRange, WorkerScaling } from "./worker-scaling.ts";
import type { StackAnswer } from "./worker-stack.ts";
import type { LoadedApplication, ZygoteSettings } from "./zygote.ts";

export interface SupervisorSettings {
  readonly workers: WorkerRange;
  readonly generation: Omit<GenerationSettings, "zygote" | "settleMs"> & {
    readonly zygote: Omit<ZygoteSettings, "socketFiles" | "linkFolder" | "generation">;
  };
  readonly limits: DispatcherLimits;
  /** How long a new generation is watched, and the one before it kept; null for neither. */
  readonly watchWindowMs: number | null;
  /** Number of the first generation; 1 where it is not given. */
  readonly generationFirst?: number;
}

/** What those who brought the supervisor up may want to hear. */
export interface SupervisorEvents {
  /** Source files that were imported, or that an import has failed in. */
  onFiles(files: readonly string[]): void;
  onChange(change: SupervisorChange): void;
}

/** A generation that has just been given the traffic, and the one that had it before. */
interface Watched {
  readonly before: Generation;
  readonly watch: GenerationWatch;
  readonly comparison: FailureComparison;
  /** Workers of the one before that had ended by themselves by then. */
  readonly crashesBefore: number;
  /** What had become of its requests when it was given the traffic. */
  readonly atPromotion: GenerationRecord;
}

/**
 * Workers of a new generation must live for so long before they are given the traffic. Code that
 * ends at once is not put before anybody.
 */
const SETTLE_MS = 300;

export class Supervisor implements GenerationEvents, DispatcherEvents {
  readonly dispatcher: Dispatcher;
  reloads: ReloadReport;
  /** Workers that were replaced, and what came of reloads, since the start. */
  readonly restarts = noRestarts();
  readonly reloadOutcomes = { serving: 0, failed: 0, "rolled-back": 0 };
  readonly #transport: Transport;
  readonly #settings: SupervisorSettings;
  readonly #events: SupervisorEvents;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #epochMs: () => number;
  readonly #scaling: WorkerScaling;
  /** All that have not ended, by number. */
  readonly #generations = new Map<number, Generation>();
  #serving: Generation | null = null;
  #watched: Watched | null = null;
  #generationsMade = 0;
  #reloading: Promise<ReloadOutcome> | null = null;
  /** Somebody has asked for another reload while one was under way. */
  #reloadingNext: Promise<ReloadOutcome> | null = null;
  #lastReload: ReloadStatus | null = null;
  #socketFiles: readonly FileIdentity[] = [];
  #stopping = false;
  #onAllEnded: (() => void) | null = null;

  constructor(
    transport: Transport,
    settings: SupervisorSettings,
    events: SupervisorEvents,
    log: Log,
    clock: { nowMs(): number; epochMs(): number },
  ) {
    this.#transport = transport;
    this.#settings = settings;
    this.#events = events;
    this.reloads = new LoggedReloads(log);
    this.#log = log;
    this.#now = () => clock.nowMs();
    this.#epochMs = () => clock.epochMs();
    this.#scaling = new WorkerScaling(settings.workers);
    this.dispatcher = new Dispatcher(settings.limits, this, this.#now, (task) =>
      transport.atTurnEnd(task),
    );
    this.#expectChannels();
  }

  /** Whether somebody can take a request. */
  get ready(): boolean {
    return (this.#serving?.pool.readyCount ?? 0) > 0;
  }

  /**
   * Loads the application and waits for all workers.
   *
   * @param socketFiles files of the listening sockets, for the zygotes to remove should the gateway
   *   be killed
   * @throws {OperatorError} exit status 2, 3 or 4: the application was not loaded; 3: its workers
   *   do not start
   */
  async start(socketFiles: readonly FileIdentity[]): Promise<LoadedApplication> {
    this.#socketFiles = socketFiles;
    const generation = this.#makeGeneration(0, this.#settings.generationFirst);
    const application = await generation.start(this.#scaling.target);
    this.#promote(generation);
    return application;
  }

  /**
   * Brings the code as it is now into service, beside the code that serves. Where that does not
   * work, everything stays as it is. Asked for while one is under way, it is done once more.
   */
  reload(common: CommonReload | null = null): Promise<ReloadOutcome> {
    if (this.#reloading === null) {
      this.#reloading = this.#reload(common).finally(() => (this.#reloading = null));
      return this.#reloading;
    }
    // Each that is made with others has its own consent to wait for.
    if (common !== null) return this.#reloading.then(() => this.reload(common));
    this.#reloadingNext ??= this.#reloading.then(() => {
      this.#reloadingNext = null;
      return this.reload();
    });
    return this.#reloadingNext;
  }

  /** What the last one came to; null where there was none. */
  get lastReload(): ReloadStatus | null {
    return this.#lastReload;
  }

  /** Gives the traffic back to the code before, where this generation is still being watched. */
  takeBack(generation: number, why: string): void {
    if (this.#serving?.number === generation) this.#rollBack(why);
  }

  /** Gives up on code that is being made ready, if there is any: there is newer code by now. */
  abandon(): void {
    for (const generation of this.#generations.values()) {
      if (generation.state === "importing" || generation.state === "warming") generation.dismiss();
    }
  }

  /** From now on there are so many workers. */
  scale(range: WorkerRange): void {
    const before = this.workerRange;
    if (range.min === before.min && range.max === before.max) return;
    this.#scaling.setRange(range);
    this.#expectChannels();
    this.#log.info("the number of workers is changed", { min: range.min, max: range.max });
    const { min, max } = range;
    this.#changed("scale", min === max ? `${min} workers` : `${min} to ${max} workers`);
    this.#applyTarget(this.#scaling.target);
  }

  get workerRange(): WorkerRange {
    return this.#scaling.range;
  }

  reopenLogs(): void {
    for (const generation of this.#generations.values()) generation.reopenLogs();
  }

  /** Ends what has waited, run, started or ended for too long. Called several times a second. */
  sweep(): void {
    this.dispatcher.sweep();
    for (const generation of this.#generations.values()) generation.sweep();
    if (this.#stopping) return;
    this.#judge();
    this.#scale();
  }

  /**
   * Ends all workers and zygotes.
   *
   * @param boundMs what the workers get to finish by themselves; 0 kills them
   */
  async stop(boundMs: number): Promise<void> {
    this.#stopping = true;
    this.#watched = null;
    const allEnded = new Promise<void>((resolve) => (this.#onAllEnded = resolve));
    for (const generation of this.#generations.values()) generation.dismiss();
    this.#checkAllEnded();
    const timer = setTimeout(() => {
      for (const generation of this.#generations.values()) generation.kill();
    }, boundMs);
    await allEnded;
    clearTimeout(timer);
  }

  status(): SupervisorStatus {
    const { waiting, queueWait } = this.dispatcher;
    return {
      queue: { waiting: waiting.count, oldestMs: waiting.oldestMs, wait: queueWait },
      workers: { ...this.#scaling.range, target: this.#scaling.target },
      generations: [...this.#generations.values()].map((generation) => generation.status()),
      lastReload: this.#lastReload,
    };
  }

  /**
   * Python's stacks of a worker, as they are now.
   *
   * @returns a refusal where the PID is none of a worker of ours
   */
  async stack(pid: number): Promise<StackAnswer> {
    for (const generation of this.#generations.values()) {
      const answer = generation.stack(pid);
      if (answer !== null) return answer;
    }
    return { kind: "refused", why: `${pid} is the PID of no worker here` };
  }

  onFiles(files: readonly string[]): void {
    this.#events.onFiles(files);
  }

  onRestart(cause: RestartCause): void {
    this.restarts[cause]++;
  }

  onWorkerLost({ number }: Generation, how: string, pid: number | null): void {
    if (this.#stopping) return;
    const who = pid === null ? "a worker" : `worker PID ${pid}`;
    this.#changed("worker-lost", `${who} of generation ${number} ended ${how}`);
  }

  onLost(generation: Generation): void {
    this.#changed("worker-lost", `the zygote of generation ${generation.number} ended`);
    const { before } = this.#watched ?? {};
    if (before === undefined) return;
    if (generation === this.#serving) this.#rollBack("its zygote ended");
    else if (generation === before) this.#watched = null;
  }

  onHung(): void {
    if (!this.#stopping) void this.reload();
  }

  onEnded(generation: Generation): void {
    this.#generations.delete(generation.number);
    this.#checkAllEnded();
  }

  onChannelReady(channel: WorkerChannel, pid: number): void {
    const generation = this.#generationOf(channel);
    const handle = generation?.pool.handleOf(channel) ?? null;
    if (handle !== null) generation?.pool.channelReady(handle, pid);
  }

  onTimedOut(channel: WorkerChannel, job: Job): void {
    const generation = this.#generationOf(channel);
    const handle = generation?.pool.handleOf(channel) ?? null;
    if (handle !== null) generation?.pool.timedOut(handle, job);
  }

  onChannelClosed(channel: WorkerChannel, lost: Job | null, error: Error | null): void {
    const generation = this.#generationOf(channel);
    const handle = generation?.pool.handleOf(channel) ?? null;
    if (handle !== null) generation?.pool.channelClosed(handle, channel, lost, error);
  }

  onRequestsReached(channel: WorkerChannel): void {
    const generation = this.#generationOf(channel);
    const handle = generation?.pool.handleOf(channel) ?? null;
    if (handle !== null) generation?.pool.requestsReached(handle);
  }

  onRequestFailed(channel: WorkerChannel, request: ApplicationRequest): void {
    const isOfServing = (this.#serving?.pool.handleOf(channel) ?? null) !== null;
    if (isOfServing) this.#watched?.comparison.observe(request);
  }

  onReport(channel: WorkerChannel, report: WorkerReport): void {
    if (report.kind === "files") {
      this.onFiles(report.files);
      return;
    }
    const generation = this.#generationOf(channel);
    const handle = generation?.pool.handleOf(channel) ?? null;
    if (handle !== null) generation?.pool.grewTooLarge(handle, report);
  }

  async #reload(common: CommonReload | null): Promise<ReloadOutcome> {
    if (this.#stopping) return { kind: "stopping" };
    const beganAtMs = this.#now();
    const settleMs = this.#settings.watchWindowMs === null ? 0 : SETTLE_MS;
    const generation = this.#makeGeneration(settleMs, common?.generation);
    const { number } = generation;
    this.reloads.begun(number);
    try {
      const { kind } = await generation.start(this.#scaling.target);
      if (common !== null) await agree(common, generation);
      if (this.#stopping) return { kind: "stopping" };
      this.#promote(generation);
      const tookMs = Math.round(this.#now() - beganAtMs);
      this.reloads.served(number, kind, tookMs);
      this.#noteReload(number, "serving", null, null);
      return { kind: "serving", generation: number };
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      if (this.#stopping) return { kind: "stopping" };
      const { message: why, details } = error;
      this.reloads.failed(number, this.#serving?.number ?? null, why, details);
      this.#noteReload(number, "failed", why, details);
      return { kind: "failed", generation: number, why, details };
    }
  }

  #makeGeneration(settleMs: number, numberMin = 1): Generation {
    const number = Math.max(this.#generationsMade + 1, numberMin);
    this.#generationsMade = number;
    const { zygote, ...rest } = this.#settings.generation;
    const generation = new Generation(
      number,
      this.#transport,
      this.dispatcher,
      {
        ...rest,
        zygote: {
          ...zygote,
          generation: number,
          socketFiles: this.#socketFiles,
          linkFolder: this.#transport.namedFileFolder,
        },
        settleMs,
      },
      this,
      this.#log,
      this.#now,
    );
    this.#generations.set(number, generation);
    return generation;
  }

  /** Moves the traffic. The one that had it is kept for as long as this one is watched. */
  #promote(generation: Generation): void {
    const before = this.#serving;
    // One that was watched until now is what is gone back to from now on.
    this.#watched?.before.dismiss();
    this.#watched = null;
    before?.rest();
    generation.promote();
    this.#serving = generation;
    // The number may have changed while it was getting ready.
    generation.pool.scaleTo(this.#scaling.target);
    this.dispatcher.takeUp();
    if (before === null) return;
    const { watchWindowMs } = this.#settings;
    if (watchWindowMs === null) {
      before.dismiss();
      return;
    }
    this.#watched = {
      before,
      watch: new GenerationWatch(this.#now(), watchWindowMs, before.recentRecord),
      comparison: new FailureComparison(this.dispatcher, () => before.pool.channels),
      crashesBefore: before.pool.record.crashes,
      atPromotion: generation.pool.record,
    };
  }

  #judge(): void {
    const watched = this.#watched;
    const serving = this.#serving;
    if (watched === null || serving === null) return;
    const verdict = watched.watch.judge(this.#now(), evidence(watched, serving));
    if (verdict.kind === "failing") this.#rollBack(verdict.why);
    if (verdict.kind !== "passed") return;
    this.#watched = null;
    watched.before.dismiss();
    this.#log.info("the new generation has stood its watch", { generation: serving.number });
  }

  /** Gives the traffic back to the generation that had it before. */
  #rollBack(why: string): void {
    const failing = this.#serving;
    const before = this.#watched?.before;
    if (failing === null || before === undefined) return;
    this.#watched = null;
    failing.rest();
    before.promote();
    this.#serving = before;
    before.pool.scaleTo(this.#scaling.target);
    this.dispatcher.takeUp();
    failing.dismiss();
    this.#log.error("the new generation fails, so the old one serves again", {
      generation: failing.number,
      serving: before.number,
      why,
    });
    this.#noteReload(failing.number, "rolled-back", why, null);
  }

  #noteReload(
    generation: number,
    outcome: ReloadStatus["outcome"],
    why: string | null,
    details: string | null,
  ): void {
    this.reloadOutcomes[outcome]++;
    this.#lastReload = { atMs: this.#epochMs(), generation, outcome, why, details };
    if (outcome === "serving") this.#changed("reload", `generation ${generation} serves`);
    else if (outcome === "failed") {
      this.#changed("reload-failed", `generation ${generation} failed: ${why}`);
    } else {
      this.#changed("rollback", `generation ${generation} was taken back: ${why}`);
    }
  }

  #changed(kind: SupervisorChange["kind"], text: string): void {
    this.#events.onChange({ kind, text });
  }

  #scale(): void {
    const pool = this.#serving?.pool;
    if (pool === undefined) return;
    const { count, oldestMs } = this.dispatcher.waiting;
    const before = this.#scaling.target;
    const target = this.#scaling.decide({
      nowMs: this.#now(),
      waiting: count,
      oldestWaitMs: oldestMs,
      busy: pool.busyCount,
      starting: pool.startingCount,
    });
    if (target === before) return;
    this.#log.info("the number of workers changes by itself", { from: before, to: target });
    this.#changed("scale", `${before} workers become ${target} by themselves`);
    this.#applyTarget(target);
  }

  #applyTarget(target: number): void {
    this.#serving?.pool.scaleTo(target);
    this.#watched?.before.pool.scaleTo(target);
  }

  /** How many could answer at once, for whoever reckons how long requests will wait. */
  #expectChannels(): void {
    const { threads } = this.#settings.generation.life;
    this.dispatcher.channelsExpected = this.#scaling.range.max * threads;
  }

  #generationOf(channel: WorkerChannel): Generation | null {
    for (const generation of this.#generations.values()) {
      if (generation.pool.handleOf(channel) !== null) return generation;
    }
    return null;
  }

  #checkAllEnded(): void {
    if (this.#generations.size === 0) this.#onAllEnded?.();
  }
}

/**
 * What speaks against new code: what became of its requests, but for what the old code would have
 * failed in as well.
 */
function evidence(watched: Watched, serving: Generation): GenerationRecord {
  const { comparison, before, crashesBefore, atPromotion } = watched;
  const { answered, failed, crashes } = difference(serving.pool.record, atPromotion);
  const crashesOfBoth = before.pool.record.crashes - crashesBefore;
  return {
    answered: Math.max(0, answered - comparison.excused),
    failed: Math.max(0, failed - comparison.excused),
    // A request that kills is run by a second worker.
    crashes: Math.max(0, crashes - 2 * (comparison.pending + crashesOfBoth)),
  };
}
