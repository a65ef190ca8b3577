/**
 * The program as the only gateway: from a run to a process that serves. Imported once the
 * interpreter has been started, since it brings everything along that serving takes.
 */
import type { Log } from "../base/log.ts";
import { PatientClock } from "../base/patient-clock.ts";
import { RefusalReport } from "../handlers/refusal-report.ts";
import type { Transport } from "../net/transport.ts";
import { realClock } from "../os/real-clock.ts";
import { Gateway } from "../server/gateway.ts";
import { listeningUrl } from "../server/listening-url.ts";
import type { ZygoteAhead } from "../workers/zygote-process.ts";
import { openAccessLog } from "./access-log-settings.ts";
import { controlSocket, gatewayCommands } from "./control-settings.ts";
import { dashboard } from "./dashboard-settings.ts";
import { warnOfReaders } from "./development-settings.ts";
import type { ErrorLog } from "./error-log.ts";
import { gatewaySettings, type Run } from "./gateway-settings.ts";
import { metricsSettings } from "./observation-settings.ts";
import { reopenLogs } from "./reopen-logs.ts";
import { handleSignals, stopAndExit } from "./signals.ts";
import { startUpReport } from "./start-up-report.ts";
import { takeSystemSettings } from "./system-settings.ts";
import { openTraces } from "./trace-settings.ts";
import { WORKERS_MAX } from "./worker-settings.ts";

/** What there is already. */
export interface Beginning {
  readonly log: Log;
  /** null where standard error is what the program was started with. */
  readonly errorLog: ErrorLog | null;
  readonly transport: Transport;
  /** null where it is not started ahead. */
  readonly zygoteAhead: ZygoteAhead | null;
}

/**
 * Serves until a signal, or somebody over the control socket, says otherwise.
 *
 * @param env what the application may see of the environment
 */
export async function serve(
  run: Run,
  env: NodeJS.ProcessEnv,
  { log, errorLog, transport, zygoteAhead }: Beginning,
): Promise<void> {
  const { options } = run;
  const accessLog = openAccessLog(options, process.env, log);
  process.on("exit", () => accessLog?.end());
  const system = takeSystemSettings(options, process.env, log, accessLog);
  process.on("exit", () => system.surroundings.onExit());
  const settings = gatewaySettings(run, transport, env, system, zygoteAhead, {
    refusals: new RefusalReport(log, realClock),
    access: accessLog,
    metrics: await metricsSettings(options),
    traces: await openTraces(options, process.env, run.version, log),
  });
  const gateway = new Gateway(transport, settings, log, new PatientClock(realClock));
  const stop = (): void => stopAndExit(gateway);
  const { isSuccessor } = system;
  const commands = gatewayCommands(gateway, options, settings, stop);
  gateway.control = controlSocket(commands, options, { env, isSuccessor }, log);
  gateway.dashboard = await dashboard(options, gateway.observation, commands, isSuccessor, log);
  handleSignals(gateway, log, {
    workersMax: WORKERS_MAX,
    reopenLogs: () => {
      if (reopenLogs(errorLog, accessLog, log)) gateway.supervisor.reopenLogs();
    },
  });
  const application = await gateway.start().catch((error: unknown) => {
    if (gateway.stopping) return null;
    throw error;
  });
  if (application === null && gateway.stopping) return;
  const { listeners } = gateway.server;
  if (options.reload) warnOfReaders(listeners, log);
  const facts = {
    version: run.version,
    reference: run.reference,
    application,
    addresses: listeners.map(({ address }) => listeningUrl(address)),
    metrics: gateway.metrics?.url ?? null,
    dashboard: gateway.dashboard?.url ?? null,
    gatewayPid: process.pid,
    transport: transport.name,
    workers: run.workers.range,
    workerClass: settings.supervisor.generation.life.workerClass,
    threads: settings.supervisor.generation.life.threads,
    workersReason: run.workers.reason,
    backlog: options.backlog,
    effectiveBacklog: Math.min(...listeners.map((listener) => listener.effectiveBacklog)),
    interpreter: run.interpreter,
  };
  if (!options.quiet) process.stdout.write(startUpReport(facts));
  errorLog?.started();
}
