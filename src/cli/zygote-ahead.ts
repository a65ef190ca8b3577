/**
 * Starts the interpreter ahead: it gets itself ready while the rest of the gateway is being loaded,
 * which takes both about as long. What to import it is told when the sockets are bound.
 */
import { parseBindAddress } from "../net/bind-address.ts";
import type { Transport } from "../net/transport.ts";
import type { Options } from "../options/registry.ts";
import { passedSockets } from "../os/passed-sockets.ts";
import { TAKEOVER_VARIABLE } from "../server/takeover.ts";
import { ZygoteAhead, type ZygoteCommand, ZygoteProcess } from "../workers/zygote-process.ts";
import type { Run } from "./gateway-settings.ts";

/** @param env what the application may see of the environment */
export function zygoteCommand(run: Run, env: NodeJS.ProcessEnv): ZygoteCommand {
  const { interpreter, pythonProgram, reference, folder, options } = run;
  return {
    python: interpreter.command,
    program: pythonProgram,
    reference,
    folder,
    env: { ...env, ...options.env },
  };
}

/** @returns null where it has to wait for its turn */
export function startZygoteAhead(
  run: Run,
  transport: Transport,
  env: NodeJS.ProcessEnv,
): ZygoteAhead | null {
  if (!mayStartAhead(run.options, process.env)) return null;
  return new ZygoteAhead(new ZygoteProcess(transport, zygoteCommand(run, env)));
}

/**
 * Not as a user that this process will not remain; and not while it has descriptors, from whoever
 * started it, that a child would inherit.
 */
function mayStartAhead(options: Options, env: NodeJS.ProcessEnv): boolean {
  return (
    options.user === null &&
    options.group === null &&
    options.bind.every((text) => parseBindAddress(text).kind !== "descriptor") &&
    env[TAKEOVER_VARIABLE] === undefined &&
    passedSockets(env, process.pid).length === 0
  );
}
