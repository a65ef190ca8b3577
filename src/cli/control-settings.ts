/**
 * From options to the control socket. Decides how long a client has to have patience.
 */
import path from "node:path";
import type { Log } from "../base/log.ts";
import type { Options } from "../options/registry.ts";
import { controlCommands } from "../server/control/control-commands.ts";
import { AUTOMATIC, ControlSocket } from "../server/control/control-socket.ts";
import type { Gateway, GatewaySettings } from "../server/gateway.ts";
import { WORKERS_MAX } from "./worker-settings.ts";

/** For ending the application's processes, when everything has been answered. */
const PROCESSES_END_MS = 5_000;

export interface ControlContext {
  readonly env: NodeJS.ProcessEnv;
  readonly isSuccessor: boolean;
  /** Begins a graceful stop, at whose end the process is gone. */
  readonly stop: () => void;
}

export function controlSocket(
  gateway: Gateway,
  options: Options,
  settings: GatewaySettings,
  { env, isSuccessor, stop }: ControlContext,
  log: Log,
): ControlSocket {
  const { startTimeoutMs, timeoutMs } = options;
  // An import, then workers; and where it is asked, an answer of the application. One reload may
  // have to wait for another, or for the start.
  const generationMs = 2 * startTimeoutMs + (timeoutMs ?? startTimeoutMs);
  const commands = controlCommands(gateway, {
    stop,
    stopWithinMs: (settings.drainDelayMs ?? 0) + settings.gracefulTimeoutMs + PROCESSES_END_MS,
    reloadWithinMs: 2 * generationMs,
    workersMax: WORKERS_MAX,
  });
  const choice = options.controlSocket;
  const isPath = choice !== null && choice !== AUTOMATIC;
  return new ControlSocket(
    { choice: isPath ? path.resolve(choice) : choice, env, isSuccessor },
    commands,
    log,
  );
}
