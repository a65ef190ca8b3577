/**
 * The program as the only gateway, up to the moment at which the application may be imported: its
 * options hold, and its sockets are bound. Imported once the interpreter has been started.
 */
import type { Log } from "../base/log.ts";
import { RefusalReport } from "../handlers/refusal-report.ts";
import type { Transport } from "../net/transport.ts";
import { realClock } from "../os/real-clock.ts";
import type { Options } from "../options/registry.ts";
import type { ControlCommands } from "../server/control/control-commands.ts";
import type { ControlSocket } from "../server/control/control-socket.ts";
import type { GatewaySettings } from "../server/gateway.ts";
import type { Surroundings } from "../server/surroundings.ts";
import type { ZygoteAhead } from "../workers/zygote-process.ts";
import { startLine } from "../workers/zygote-start.ts";
import { openAccessLog } from "./access-log-settings.ts";
import { controlSocket } from "./control-settings.ts";
import type { ErrorLog } from "./error-log.ts";
import { gatewaySettings, type Run } from "./gateway-settings.ts";
import { metricsSettings } from "./observation-settings.ts";
import { takeSystemSettings } from "./system-settings.ts";
import { openTraces } from "./trace-settings.ts";

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
  const { isSuccessor, surroundings } = system;
  const commands = Promise.withResolvers<ControlCommands>();
  const control = controlSocket(commands.promise, options, { env, isSuccessor }, log);
  if (zygoteAhead !== null && mayImportAhead(options, settings, transport)) {
    await importAhead(zygoteAhead, settings, surroundings, control, transport);
  }
  const { runGateway } = await import("./run-gateway.ts");
  await runGateway({
    run,
    settings,
    isSuccessor,
    transport,
    log,
    errorLog,
    accessLog,
    control,
    onCommands: commands.resolve,
  });
}

/**
 * Whether nothing but the addresses that are served can still refuse the start, and nobody watches
 * what is imported.
 */
function mayImportAhead(
  { pidFile, dashboard, reload }: Options,
  { metrics }: GatewaySettings,
  { name }: Transport,
): boolean {
  const isRefusable = pidFile !== null || dashboard !== null || metrics?.kind === "address";
  return name === "epoll" && !isRefusable && !reload;
}

/**
 * Binds, and has the application imported while the rest of the gateway is being loaded, which
 * takes about as long.
 *
 * @throws {OperatorError} exit status 1: as `Transport.listen`
 */
async function importAhead(
  zygoteAhead: ZygoteAhead,
  settings: GatewaySettings,
  surroundings: Surroundings,
  control: ControlSocket,
  transport: Transport,
): Promise<void> {
  const { bind, backlog, supervisor } = settings;
  const listeners = await surroundings.bindAhead(transport, bind, backlog);
  const controlFile = await control.open();
  const socketFiles = [...listeners, { file: controlFile }].flatMap(({ file }) => file ?? []);
  const { zygote } = supervisor.generation;
  const generation = supervisor.generationFirst ?? 1;
  zygoteAhead.begin(startLine({ ...zygote, generation, socketFiles, linkFolder: null }));
}
