/**
 * From options to the control socket. Decides how long a client has to have patience.
 */
import path from "node:path";
import type { Log } from "../base/log.ts";
import type { Options } from "../options/registry.ts";
import {
  type ControlCommands,
  type ControlCommandSettings,
  controlCommands,
  type ControlledGateway,
} from "../server/control/control-commands.ts";
import { AUTOMATIC, ControlSocket } from "../server/control/control-socket.ts";
import type { GatewaySettings } from "../server/gateway.ts";
import { WORKERS_MAX } from "./worker-settings.ts";

/** For ending the application's processes, when everything has been answered. */
const PROCESSES_END_MS = 5_000;

export interface ControlContext {
  readonly env: NodeJS.ProcessEnv;
  readonly isSuccessor: boolean;
}

/**
 * What the gateway can be told, over whatever way.
 *
 * @param stop begins a graceful stop, at whose end the process is gone
 */
export function gatewayCommands(
  gateway: ControlledGateway,
  options: Options,
  settings: Pick<GatewaySettings, "drainDelayMs" | "gracefulTimeoutMs"> &
    Pick<ControlCommandSettings, "workersMin">,
  stop: () => void,
): ControlCommands {
  const { startTimeoutMs, timeoutMs } = options;
  // An import, then workers; and where it is asked, an answer of the application. One reload may
  // have to wait for another, or for the start.
  const generationMs = 2 * startTimeoutMs + (timeoutMs ?? startTimeoutMs);
  return controlCommands(gateway, {
    stop,
    stopWithinMs: (settings.drainDelayMs ?? 0) + settings.gracefulTimeoutMs + PROCESSES_END_MS,
    reloadWithinMs: 2 * generationMs,
    workersMin: settings.workersMin ?? 1,
    workersMax: WORKERS_MAX,
  });
}

export function controlSocket(
  commands: ControlCommands | Promise<ControlCommands>,
  options: Options,
  { env, isSuccessor }: ControlContext,
  log: Log,
): ControlSocket {
  const choice = options.controlSocket;
  const isPath = choice !== null && choice !== AUTOMATIC;
  return new ControlSocket(
    { choice: isPath ? path.resolve(choice) : choice, env, isSuccessor },
    commands,
    log,
  );
}
