/**
 * From options and environment to what the program is to the system around it: the user it becomes,
 * its PID file, its service manager, the sockets that it is handed, and how it is started again.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type BindAddress, parseBindAddress } from "../net/bind-address.ts";
import { isDefault, type Options } from "../options/registry.ts";
import { openOrphanReaper } from "../os/orphans.ts";
import { passedSockets, successorEnvironment } from "../os/passed-sockets.ts";
import { PidFile } from "../os/pid-file.ts";
import { resolveIdentity } from "../os/privileges.ts";
import { openServiceManager } from "../os/service-manager.ts";
import type { AccessLog } from "../server/access-log/access-log.ts";
import { Inheritance } from "../server/inheritance.ts";
import type { SuccessionSettings } from "../server/succession.ts";
import { type GatewaySurroundings, Surroundings } from "../server/surroundings.ts";
import type { OwnCommand } from "../server/takeover.ts";
import { refuseSharedAddresses } from "./asked-addresses.ts";
import { workingFolder } from "./working-folder.ts";

/** Beside what the successor's own start may take: its process, and a look at how it went. */
const SUCCESSOR_MARGIN_MS = 5_000;
/**
 * What a stop waits at most for the end of a successor. It has only just begun, and ends in
 * milliseconds; gateways that it has started get 3 s for that.
 */
const ABANDONED_SUCCESSOR_MS = 5_000;

export interface SystemSettings {
  readonly bind: readonly BindAddress[];
  /** Whether this process takes over from another one. */
  readonly isSuccessor: boolean;
  readonly surroundings: GatewaySurroundings;
  readonly succession: SuccessionSettings;
}

/**
 * Takes what this process was started with.
 *
 * @param env as the process got it
 * @throws {OperatorError} exit status 2: a user, address or variable that cannot be meant
 */
export function takeSystemSettings(
  options: Options,
  env: NodeJS.ProcessEnv,
  log: Log,
  accessLog: AccessLog | null,
): SystemSettings & { readonly surroundings: Surroundings } {
  const identity = resolveIdentity(options.user, options.group);
  const inheritance = Inheritance.read(env);
  const bind = bindAddresses(options, env, inheritance);
  refuseSharedAddresses(options, bind);
  return {
    bind,
    isSuccessor: inheritance !== null,
    surroundings: new Surroundings({
      inheritance,
      identity,
      hasErrorLog: options.errorLog !== null,
      accessLog,
      pidFile: options.pidFile === null ? null : new PidFile(options.pidFile, identity),
      serviceManager: openServiceManager(env, process.pid, log),
      reaper: openOrphanReaper(),
      log,
    }),
    succession: successionSettings(options, env),
  };
}

/** How this process is replaced by another one on USR2. */
export function successionSettings(options: Options, env: NodeJS.ProcessEnv): SuccessionSettings {
  return {
    command: ownCommand(env),
    bounds: {
      // Twice: the import may take so long, and then the workers.
      startMs: 2 * options.startTimeoutMs + SUCCESSOR_MARGIN_MS,
      endMs: options.gracefulTimeoutMs + SUCCESSOR_MARGIN_MS,
      abandonedMs: ABANDONED_SUCCESSOR_MS,
    },
  };
}

/** Sockets that were passed stand in for the default, and for nothing that was asked for. */
function bindAddresses(
  options: Options,
  env: NodeJS.ProcessEnv,
  inheritance: Inheritance | null,
): BindAddress[] {
  const asked = options.bind.map((text) => parseBindAddress(text));
  refuseTwice(asked);
  if (!isDefault(options, "bind")) return asked;
  const passed =
    inheritance?.passedSockets ??
    passedSockets(env, process.pid).map(({ descriptor }): BindAddress => ({
      kind: "descriptor",
      descriptor,
    }));
  return passed.length > 0 ? passed : asked;
}

function refuseTwice(addresses: readonly BindAddress[]): void {
  const seen = new Set<number>();
  for (const address of addresses) {
    if (address.kind !== "descriptor") continue;
    if (seen.has(address.descriptor)) {
      throw new OperatorError(
        EXIT_STATUS.usage,
        `--bind fd://${address.descriptor}: it is given twice`,
      );
    }
    seen.add(address.descriptor);
  }
}

/** How this process was started, so that it can be done again. */
function ownCommand(env: NodeJS.ProcessEnv): OwnCommand {
  return {
    program: process.execPath,
    args: [...process.execArgv, ...process.argv.slice(1)],
    folder: workingFolder(env),
    env: successorEnvironment(env, process.pid),
  };
}
