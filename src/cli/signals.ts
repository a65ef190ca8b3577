/**
 * What each signal means. The handlers do nothing themselves.
 */
import { EXIT_STATUS } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { shiftedRange, type WorkerRange } from "../workers/worker-scaling.ts";

/** What signals are for: a gateway, or the leader of several. */
export interface SignalledProgram {
  readonly workerRange: WorkerRange;
  reload(): Promise<unknown>;
  scale(range: WorkerRange): void;
  /** @returns whether it has ended */
  handOver(): Promise<boolean>;
  skipDrainDelay(): void;
  stop(): Promise<void>;
  stopNow(): Promise<void>;
}

export interface SignalActions {
  /** Fewest workers that can be asked for, 1 where it is not given; and most. */
  readonly workersMin?: number;
  readonly workersMax: number;
  /** Opens the log files anew. */
  reopenLogs(): void;
}

/** Answers what was accepted, then ends the process. */
export function stopAndExit(gateway: Pick<SignalledProgram, "stop">): void {
  void gateway.stop().then(() => process.exit(EXIT_STATUS.clean));
}

/**
 * TERM and INT answer what was accepted, then exit 0; a second INT, or QUIT, ends at once. HUP
 * brings in new code; TTIN and TTOU want a worker more, or fewer; USR1 opens logs anew; USR2
 * starts another portico in this one's place. WINCH means nothing: a terminal sends it when its
 * window changes.
 */
export function handleSignals(gateway: SignalledProgram, log: Log, actions: SignalActions): void {
  const { workersMin = 1, workersMax } = actions;
  let interrupted = false;
  const stop = (): void => stopAndExit(gateway);
  const stopNow = (): void => {
    void gateway.stopNow().then(() => process.exit(EXIT_STATUS.clean));
  };
  const shift = (by: 1 | -1): void => {
    const { min, max } = shiftedRange(gateway.workerRange, by, workersMax);
    gateway.scale({ min: Math.max(min, workersMin), max: Math.max(max, workersMin) });
  };
  process.on("SIGTERM", stop);
  process.on("SIGQUIT", stopNow);
  process.on("SIGINT", () => {
    // Whoever sits in front of it waits for nobody else to hear of it.
    gateway.skipDrainDelay();
    if (interrupted) stopNow();
    else stop();
    interrupted = true;
  });
  process.on("SIGHUP", () => void gateway.reload());
  process.on("SIGTTIN", () => shift(1));
  process.on("SIGTTOU", () => shift(-1));
  process.on("SIGUSR2", () => {
    void gateway.handOver().then((ended) => {
      if (ended) process.exit(EXIT_STATUS.clean);
    });
  });
  process.on("SIGUSR1", () => actions.reopenLogs());
  process.on("uncaughtException", (error) => {
    log.error("the gateway failed", {}, error.stack ?? String(error));
    void gateway.stopNow().then(() => process.exit(EXIT_STATUS.failure));
  });
}
