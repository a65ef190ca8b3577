/**
 * The gateways of one program as their leader keeps them: starts them, puts another in the place of
 * one that ends, has somebody stand in for it meanwhile, and ends them all.
 *
 * Owns which processes there are. Must not know signals, nor what an operator asks for.
 */
import { OperatorError } from "../../base/errors.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { FileIdentity } from "../../net/unix-socket-file.ts";
import type { PythonInterpreter } from "../../workers/python-interpreter.ts";
import { RespawnPause } from "../../workers/respawn-pause.ts";
import type { WorkerRange } from "../../workers/worker-scaling.ts";
import type { LoadedApplication } from "../../workers/zygote.ts";
import type { OwnCommand } from "../takeover.ts";
import type { Question, Questions } from "./gateway-messages.ts";
import { GatewayProcess, type GatewayProcessEvents } from "./gateway-process.ts";
import { type GroupPlace, listeningPlaces, placeNames, socketShares } from "./listening-places.ts";
import { workerShare } from "./shares.ts";
import { StandIns } from "./stand-ins.ts";

export interface GroupSettings {
  readonly gateways: number;
  readonly command: OwnCommand;
  readonly workers: WorkerRange;
  /** Of `--config`, as it was when this process was started; null where there is none. */
  readonly configText: string | null;
  readonly interpreter: PythonInterpreter;
}

/** Something that has happened to gateways, for whoever looks on. */
export interface GroupChange {
  readonly kind: "started" | "rollback" | "scale" | "gateway-lost";
  /** One line for a person. */
  readonly text: string;
}

/** A gateway that gives no sign of life for so long is killed: its connections hang. */
const SILENT_MAX_MS = 30_000;

export class GatewayGroup implements GatewayProcessEvents {
  /** What the code on the disk is called, by whoever imports it next. */
  generation = 1;
  /** Of all together. */
  workers: WorkerRange;
  /** Gateways that ended, and whose place another took or will take. */
  replaced = 0;
  readonly #settings: GroupSettings;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #processes: (GatewayProcess | null)[];
  readonly #pauses: readonly RespawnPause[];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #standIns: StandIns;
  readonly #onChange: (change: GroupChange) => void;
  /** Generations that were taken back: each gateway tells of it. */
  #takenBack = 0;
  #places: readonly GroupPlace[] = [];
  #files: readonly FileIdentity[] = [];
  /** What a gateway that is ready waits for before it accepts. */
  #beforeAccepting: Promise<unknown> = Promise.resolve();
  #isServing = false;
  #isEnding = false;

  constructor(
    settings: GroupSettings,
    onChange: (change: GroupChange) => void,
    log: Log,
    clock: Clock,
  ) {
    this.#settings = settings;
    this.#onChange = onChange;
    this.workers = settings.workers;
    this.#log = log;
    this.#clock = clock;
    this.#processes = Array.from({ length: settings.gateways }, () => null);
    this.#pauses = this.#processes.map(() => new RespawnPause());
    this.#standIns = new StandIns(this.#processes);
  }

  /** How many there are to be. */
  get size(): number {
    return this.#processes.length;
  }

  /** Those that accept. */
  get accepting(): GatewayProcess[] {
    return this.alive.filter(({ isAccepting }) => isAccepting);
  }

  get alive(): GatewayProcess[] {
    return this.#processes.filter((process) => process !== null);
  }

  /**
   * Starts all, and waits until all have loaded the application; none accepts yet.
   *
   * @throws {OperatorError} the first one that does not start says why; the others are ended
   */
  async start(places: readonly GroupPlace[]): Promise<LoadedApplication> {
    this.#places = places;
    const processes = this.#processes.map((_, index) => this.#spawn(index));
    const failed = Promise.withResolvers<never>();
    const loaded = processes.map(async (process) => {
      const outcome = await process.started;
      if (outcome.kind === "loaded") return outcome.application;
      const { exitStatus, why, details } = outcome;
      const error = new OperatorError(exitStatus, why, details);
      failed.reject(error);
      throw error;
    });
    const [application] = await Promise.race([Promise.all(loaded), failed.promise]);
    return application as LoadedApplication;
  }

  /** All begin to accept; from now on one that ends is replaced. */
  async accept(): Promise<void> {
    this.#isServing = true;
    await Promise.all(this.alive.map((process) => letAccept(process)));
    for (const [index, process] of this.#processes.entries()) {
      if (process === null) this.#leave(index, 0);
    }
  }

  /** From now on gateways remove these files should this process be killed. */
  inherit(files: readonly FileIdentity[]): void {
    this.#files = files;
    void this.askAll("inherit", { files });
  }

  /** Asks all that live, and waits until they have answered or ended. */
  async askAll<Q extends Question>(command: Q, args: Questions[Q][0]): Promise<void> {
    await Promise.all(this.alive.map((process) => process.ask(command, args)));
  }

  scale(range: WorkerRange): void {
    this.workers = range;
    for (const process of this.alive) {
      void process.ask("scale", this.#workersOf(process.index));
    }
    const { min, max } = range;
    const workers = min === max ? `${min} workers` : `${min} to ${max} workers`;
    this.#onChange({ kind: "scale", text: `${workers} in all gateways together` });
  }

  /**
   * Holds those back that get ready while something is done to all, and that may have imported
   * what was there before.
   *
   * @param action returns whether there is new code by now
   */
  async exclusively<Result>(
    action: (accepting: readonly GatewayProcess[]) => Promise<Result>,
    hasNewCode: (result: Result) => boolean,
  ): Promise<Result> {
    const over = Promise.withResolvers<null>();
    this.#beforeAccepting = over.promise;
    const old = this.alive.filter(({ isAccepting }) => !isAccepting);
    try {
      const result = await action(this.accepting);
      // They serve nobody yet; another one imports what is there now.
      if (hasNewCode(result)) for (const process of old) process.kill();
      return result;
    } finally {
      over.resolve(null);
    }
  }

  /** From now on nobody is replaced. */
  beginEnd(): void {
    this.#isEnding = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /**
   * Waits until all have ended.
   *
   * @param boundMs after which they are killed
   */
  async untilEnded(boundMs: number): Promise<void> {
    this.beginEnd();
    const timer = setTimeout(() => {
      const gateways = this.alive.length;
      if (boundMs > 0) this.#log.warn("gateways that do not end are killed", { gateways });
      for (const process of this.alive) process.kill();
    }, boundMs);
    await Promise.all(this.alive.map(({ ended }) => ended));
    clearTimeout(timer);
  }

  /** Called several times a second. */
  sweep(nowMs: number): void {
    for (const process of this.alive) {
      if (process.sweep(nowMs) <= SILENT_MAX_MS) continue;
      const { index: gateway, pid } = process;
      this.#log.error("a gateway gives no sign of life and is killed", { gateway, pid });
      process.kill();
    }
  }

  onTakenBack(from: GatewayProcess, generation: number, why: string): void {
    if (generation > this.#takenBack) {
      const text = `generation ${generation} was taken back: ${why}`;
      this.#onChange({ kind: "rollback", text });
    }
    this.#takenBack = Math.max(this.#takenBack, generation);
    for (const process of this.accepting) {
      if (process !== from) void process.ask("take-back", { generation, why });
    }
  }

  #spawn(index: number): GatewayProcess {
    const { command, gateways, configText, interpreter } = this.#settings;
    const sockets = listeningPlaces(this.#places);
    const started = new GatewayProcess(
      command,
      {
        leader: process.pid,
        index,
        gateways,
        binds: placeNames(this.#places),
        sockets: socketShares(this.#places),
        files: this.#files,
        workers: this.#workersOf(index),
        generation: this.generation,
        configText,
        interpreter,
      },
      sockets.map(({ listener }) => listener.descriptor ?? -1),
      this,
      this.#clock.nowMs(),
    );
    this.#processes[index] = started;
    void started.ended.then((how) => this.#onEnded(started, how));
    return started;
  }

  #onEnded(ended: GatewayProcess, how: string): void {
    const { index, pid } = ended;
    this.#processes[index] = null;
    if (this.#isEnding || !this.#isServing) return;
    this.replaced++;
    this.#log.error("a gateway is gone, and another is started in its place", {
      gateway: index,
      pid,
      how,
    });
    this.#onChange({ kind: "gateway-lost", text: `gateway ${index} (PID ${pid}) ${how}` });
    this.#leave(index, this.#clock.nowMs() - ended.bornAtMs);
  }

  #leave(index: number, livedMs: number): void {
    this.#standIns.leave(index);
    this.#replaceAfter(index, this.#pauses[index]?.afterDeath(livedMs) ?? 0);
  }

  #replaceAfter(index: number, pauseMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#replace(index);
    }, pauseMs);
    this.#timers.add(timer);
  }

  async #replace(index: number): Promise<void> {
    let replacement: GatewayProcess;
    try {
      replacement = this.#spawn(index);
    } catch (error) {
      this.#log.error("no gateway can be started", { gateway: index, cause: String(error) });
      this.#replaceAfter(index, this.#pauses[index]?.afterDeath(0) ?? 0);
      return;
    }
    const outcome = await replacement.started;
    if (this.#isEnding) return;
    if (outcome.kind === "failed") {
      // Its end follows, and with it the next attempt.
      const { why, details } = outcome;
      this.#log.error("the gateway in its place does not start", { gateway: index, why }, details);
      return;
    }
    await this.#untilFree();
    await letAccept(replacement);
    if (!replacement.isAccepting) return;
    this.#standIns.comeBack(index);
    const { pid } = replacement;
    this.#log.info("the gateway in its place serves", { gateway: index, pid });
    this.#onChange({ kind: "started", text: `gateway ${index} (PID ${pid}) serves in its place` });
  }

  /** Waits until nothing is done to all others together, in which this one would be missing. */
  async #untilFree(): Promise<void> {
    let over: Promise<unknown>;
    do {
      over = this.#beforeAccepting;
      await over;
    } while (over !== this.#beforeAccepting);
  }

  #workersOf(index: number): WorkerRange {
    return workerShare(this.workers, this.#settings.gateways, index);
  }
}

/** It is one of those that accept from the moment at which it is told. */
async function letAccept(process: GatewayProcess): Promise<void> {
  process.isAccepting = true;
  await process.ask("accept", null);
}
