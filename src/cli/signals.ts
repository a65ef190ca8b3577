/**
 * What each signal means. The handlers do nothing themselves.
 */
import { EXIT_STATUS } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Gateway } from "../server/gateway.ts";
import { shiftedRange } from "../workers/worker-scaling.ts";

export interface SignalActions {
  /** Most workers that can be asked for. */
  readonly workersMax: number;
  /** Opens the log files anew. */
  reopenLogs(): void;
}

/** Answers what was accepted, then ends the process. */
export function stopAndExit(gateway: Gateway): void {
  void gateway.stop().then(() => process.exit(EXIT_STATUS.clean));
}

/**
 * TERM and INT answer what was accepted, then exit 0; a second INT, or QUIT, ends at once. HUP
 * brings in new code; TTIN and TTOU want a worker more, or fewer; USR1 opens logs anew; USR2
 * starts another portico in this one's place. WINCH means nothing: a terminal sends it when its
 * window changes.
 */
export function handleSignals(gateway: Gateway, log: Log, actions: SignalActions): void {
  let interrupted = false;
  const stop = (): void => stopAndExit(gateway);
  const stopNow = (): void => {
    void gateway.stopNow().then(() => process.exit(EXIT_STATUS.clean));
  };
  const shift = (by: 1 | -1): void => {
    gateway.scale(shiftedRange(gateway.supervisor.workerRange, by, actions.workersMax));
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
