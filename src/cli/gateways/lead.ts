/**
 * The program as the leader of several gateways (`--gateways`): from options and signals to
 * `src/server/gateways/leader.ts`, as `src/cli/serve.ts` does it for one gateway.
 */
import { PatientClock } from "../../base/patient-clock.ts";
import { openTransport } from "../../net/open-transport.ts";
import type { Transport } from "../../net/transport.ts";
import type { Options } from "../../options/registry.ts";
import { raiseDescriptorLimit } from "../../os/descriptors.ts";
import { realClock } from "../../os/real-clock.ts";
import { Leader, type LeaderSettings } from "../../server/gateways/leader.ts";
import type { LoadedApplication } from "../../workers/zygote.ts";
import { openAccessLog } from "../access-log-settings.ts";
import { applicationEnvironment } from "../application-environment.ts";
import { controlSocket, gatewayCommands } from "../control-settings.ts";
import { dashboard } from "../dashboard-settings.ts";
import { ErrorLog, openLog } from "../error-log.ts";
import { plainHttpSettings, type Run } from "../gateway-settings.ts";
import { metricsSettings } from "../observation-settings.ts";
import { reopenLogs } from "../reopen-logs.ts";
import { handleSignals, stopAndExit } from "../signals.ts";
import { type StartUpFacts, startUpReport } from "../start-up-report.ts";
import { takeSystemSettings } from "../system-settings.ts";
import { takeUmask } from "../umask.ts";
import { workerLife, WORKERS_MAX } from "../worker-settings.ts";
import { refuseWithSeveral, requireOwnSockets, workersOfAll } from "./gateways-settings.ts";

/** What gateways get to end their processes, once everything has been answered. */
const GATEWAYS_END_MS = 5_000;

export interface LeadContext {
  /** Of `--config`; null where there is none. */
  readonly configText: string | null;
  /** Called with the log that standard error is from now on. */
  readonly onErrorLog: (errorLog: ErrorLog) => void;
}

/**
 * Serves until a signal, or somebody over the control socket, says otherwise.
 *
 * @param env what the application may see of the environment
 * @throws {OperatorError} exit status 1 to 4
 */
export async function lead(run: Run, env: NodeJS.ProcessEnv, context: LeadContext): Promise<void> {
  const { options } = run;
  refuseWithSeveral(options);
  const led = { ...run, workers: workersOfAll(run) };
  takeUmask(options);
  const errorLog = options.errorLog === null ? null : ErrorLog.open(options.errorLog);
  if (errorLog !== null) context.onErrorLog(errorLog);
  const log = openLog(options);
  // Made here, so that it exists before the user is become; each gateway opens it for itself.
  const accessLog = openAccessLog(options, process.env, log);
  const system = takeSystemSettings(options, process.env, log, accessLog);
  process.on("exit", () => system.surroundings.onExit());
  const transport = openTransport(options.transport, log);
  requireOwnSockets(transport, options);
  raiseDescriptorLimit(log);
  const metrics = await leaderMetrics(options, transport);
  const settings = { ...leaderSettings(led, system, context.configText), metrics };
  const leader = new Leader(transport, settings, log, new PatientClock(realClock));
  const { gateways: workersMin, gracefulTimeoutMs, drainDelayMs } = options;
  const bounds = { drainDelayMs, gracefulTimeoutMs, workersMin };
  const commands = gatewayCommands(leader, options, bounds, () => stopAndExit(leader));
  const { isSuccessor } = system;
  leader.control = controlSocket(commands, options, { env, isSuccessor }, log);
  leader.dashboard = await dashboard(options, leader.observation, commands, isSuccessor, log);
  handleSignals(leader, log, {
    workersMin,
    workersMax: WORKERS_MAX,
    reopenLogs: () => {
      reopenLogs(errorLog, accessLog, log);
      void leader.reopenLogs();
    },
  });
  const application = await leader.start().catch((error: unknown) => {
    if (leader.stopping) return null;
    throw error;
  });
  if (application === null) return;
  if (!options.quiet) process.stdout.write(startUpReport(startUpFacts(led, leader, application)));
  errorLog?.started();
}

function leaderSettings(
  { options, version, reference, workers, interpreter }: Run,
  { bind, surroundings, succession }: ReturnType<typeof takeSystemSettings>,
  configText: string | null,
): Omit<LeaderSettings, "metrics"> {
  const { gateways, gracefulTimeoutMs, drainDelayMs, backlog } = options;
  return {
    version,
    reference,
    bind,
    backlog,
    surroundings,
    succession,
    drainDelayMs,
    stopMs: gracefulTimeoutMs + GATEWAYS_END_MS,
    group: {
      gateways,
      workers: workers.range,
      configText,
      interpreter,
      command: { ...succession.command, env: applicationEnvironment(process.env) },
    },
  };
}

/** @throws {OperatorError} exit status 2: the place is none */
async function leaderMetrics(
  options: Options,
  transport: Transport,
): Promise<LeaderSettings["metrics"]> {
  const metrics = await metricsSettings(options);
  // At a path they were refused.
  if (metrics?.kind !== "address") return null;
  return { ...metrics, http: plainHttpSettings(options, transport) };
}

function startUpFacts(run: Run, leader: Leader, application: LoadedApplication): StartUpFacts {
  const { options, version, reference, workers, interpreter } = run;
  const { workerClass, threads } = workerLife(options);
  return {
    version,
    reference,
    application,
    addresses: leader.addresses,
    metrics: leader.metricsUrl,
    dashboard: leader.dashboard?.url ?? null,
    gatewayPid: process.pid,
    gateways: options.gateways,
    transport: "epoll",
    workers: workers.range,
    workerClass,
    threads,
    workersReason: workers.reason,
    backlog: options.backlog,
    effectiveBacklog: Math.min(...leader.listeners.map((listener) => listener.effectiveBacklog)),
    interpreter,
  };
}
