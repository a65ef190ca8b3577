/**
 * The gateway as an object: made of its settings, started, and reported. Imported while the
 * application is, since it brings along most of what serving takes.
 */
import type { Log } from "../base/log.ts";
import { PatientClock } from "../base/patient-clock.ts";
import type { Transport } from "../net/transport.ts";
import { realClock } from "../os/real-clock.ts";
import type { AccessLog } from "../server/access-log/access-log.ts";
import type { ControlCommands } from "../server/control/control-commands.ts";
import type { ControlSocket } from "../server/control/control-socket.ts";
import { Gateway, type GatewaySettings } from "../server/gateway.ts";
import { listeningUrl } from "../server/listening-url.ts";
import { gatewayCommands } from "./control-settings.ts";
import { dashboard } from "./dashboard-settings.ts";
import { warnOfReaders } from "./development-settings.ts";
import type { ErrorLog } from "./error-log.ts";
import type { Run } from "./gateway-settings.ts";
import { reopenLogs } from "./reopen-logs.ts";
import { handleSignals, stopAndExit } from "./signals.ts";
import { startUpReport } from "./start-up-report.ts";
import { WORKERS_MAX } from "./worker-settings.ts";

/** What there is already. */
export interface GatewayParts {
  readonly run: Run;
  readonly settings: GatewaySettings;
  /** Whether this process takes over from another one. */
  readonly isSuccessor: boolean;
  readonly transport: Transport;
  readonly log: Log;
  /** null where standard error is what the program was started with. */
  readonly errorLog: ErrorLog | null;
  /** null where none is wanted. */
  readonly accessLog: AccessLog | null;
  readonly control: ControlSocket;
  /** Takes what the gateway can be told. */
  readonly onCommands: (commands: ControlCommands) => void;
}

/** Serves until a signal, or somebody over the control socket, says otherwise. */
export async function runGateway(parts: GatewayParts): Promise<void> {
  const { run, settings, transport, log, errorLog, isSuccessor } = parts;
  const { options } = run;
  const gateway = new Gateway(transport, settings, log, new PatientClock(realClock));
  const stop = (): void => stopAndExit(gateway);
  const commands = gatewayCommands(gateway, options, settings, stop);
  parts.onCommands(commands);
  gateway.control = parts.control;
  gateway.dashboard = await dashboard(options, gateway.observation, commands, isSuccessor, log);
  handleSignals(gateway, log, {
    workersMax: WORKERS_MAX,
    reopenLogs: () => {
      if (reopenLogs(errorLog, parts.accessLog, log)) gateway.supervisor.reopenLogs();
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
