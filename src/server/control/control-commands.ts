/**
 * What can be asked for over the control socket: the table of commands, and what each checks and
 * does. Knows no socket.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { ReloadOutcome, ReloadStatus } from "../../workers/supervisor-status.ts";
import type { WorkerRange } from "../../workers/worker-scaling.ts";
import type { GatewayStatus } from "../gateway-status.ts";
import type { Observed, StackResult } from "../observation/snapshot.ts";
import type { ControlAnswer } from "./control-protocol.ts";
import { ObserveCommand, stack } from "./observe-command.ts";

/** The part of the gateway that commands reach. */
export interface ControlledGateway {
  readonly observation: Observed;
  status(): GatewayStatus | Promise<GatewayStatus>;
  reload(): Promise<ReloadOutcome>;
  scale(range: WorkerRange): void;
  /** Python's stack of one of the workers, as it is now; bounded in time and length. */
  stack(pid: number): Promise<StackResult>;
}

export interface ControlCommandSettings {
  /** Begins a graceful stop, at whose end the process is gone. */
  readonly stop: () => void;
  /** How long that may take. */
  readonly stopWithinMs: number;
  /** How long a reload may take until it serves, or has failed. */
  readonly reloadWithinMs: number;
  /** How few workers can be asked for, 1 where it is not given, and how many. */
  readonly workersMin?: number;
  readonly workersMax: number;
}

/** One request, on its way. */
export interface ControlCall {
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Aborted when it is gone, or has closed its sending half: it may still wait for the answer. */
  readonly ended: AbortSignal;
  /** Sends an answer before the last one. */
  readonly progress: (result: unknown) => void;
  /** Whether the client has taken everything that was sent to it. */
  readonly hasTakenAll: () => boolean;
}

export interface CommandEnd {
  readonly answer: ControlAnswer;
  /**
   * Called when the answer is on its way. The connection then stays open until the process ends,
   * which is how the client sees that it has.
   */
  readonly afterwards?: () => void;
}

export type ControlCommand = (call: ControlCall) => CommandEnd | Promise<CommandEnd>;
export type ControlCommands = ReadonlyMap<string, ControlCommand>;

/** How often a reload that is watched is looked at. */
const WATCH_INTERVAL_MS = 100;

export function controlCommands(
  gateway: ControlledGateway,
  settings: ControlCommandSettings,
): ControlCommands {
  const observe = new ObserveCommand(gateway.observation);
  return new Map<string, ControlCommand>([
    ["observe", (call) => observe.run(call)],
    ["stack", (call) => stack(gateway, call)],
    ["status", async () => done(await gateway.status())],
    ["reload", (call) => reload(gateway, settings, call)],
    ["scale", (call) => scale(gateway, settings, call)],
    [
      "stop",
      async () => ({
        ...done({ pid: (await gateway.status()).pid, withinMs: settings.stopWithinMs }),
        afterwards: settings.stop,
      }),
    ],
  ]);
}

/** @returns the answer to a command that is in no table */
export function unknownCommand(commands: ControlCommands, name: string): CommandEnd {
  const known = [...commands.keys()].join(", ");
  return refused(`${name} is not known here; there are ${known}`);
}

async function reload(
  gateway: ControlledGateway,
  settings: ControlCommandSettings,
  call: ControlCall,
): Promise<CommandEnd> {
  const { watch = false } = call.arguments;
  if (typeof watch !== "boolean") return refused("watch is true or false");
  call.progress({ accepted: true, withinMs: settings.reloadWithinMs });
  const outcome = await gateway.reload();
  switch (outcome.kind) {
    case "stopping":
      return failed(null, "it is being stopped", null);
    case "failed":
      return failed({ generation: outcome.generation }, outcome.why, outcome.details);
    case "serving":
      return watch
        ? watchReload(gateway, outcome.generation, call)
        : done({ generation: outcome.generation });
    default:
      return outcome satisfies never;
  }
}

/**
 * Waits until the generation before is not kept any more: until then this one may be taken back.
 * Bounded by the gateway's own watch, and by the client's patience.
 */
async function watchReload(
  gateway: ControlledGateway,
  generation: number,
  { progress, signal }: ControlCall,
): Promise<CommandEnd> {
  progress({ generation, serving: true });
  for (;;) {
    const { lastReload, generations } = await gateway.status();
    if (wasTakenBack(lastReload, generation)) {
      const why = lastReload?.why ?? "it failed where the one before did not";
      return failed({ generation, rolledBack: true }, why, lastReload?.details ?? null);
    }
    const isKept = generations.some(
      ({ number, state }) => number < generation && state === "resting",
    );
    if (!isKept || signal.aborted) return done({ generation, watched: !isKept });
    // Aborted: there is nobody left to tell.
    await pause(WATCH_INTERVAL_MS, null, { signal, ref: false }).catch(() => null);
  }
}

function wasTakenBack(reloaded: ReloadStatus | null, generation: number): boolean {
  return reloaded?.generation === generation && reloaded.outcome === "rolled-back";
}

function scale(
  gateway: ControlledGateway,
  { workersMin = 1, workersMax }: ControlCommandSettings,
  call: ControlCall,
): CommandEnd {
  const { min, max } = call.arguments;
  const isCount = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= workersMin && Number(value) <= workersMax;
  if (!isCount(min) || !isCount(max) || min > max) {
    const numbers = `whole numbers from ${workersMin} to ${workersMax}`;
    return refused(`min and max are ${numbers}, in this order`);
  }
  gateway.scale({ min, max });
  return done({ min, max });
}

function done(result: unknown): CommandEnd {
  return { answer: { kind: "done", result } };
}

function failed(result: unknown, why: string, details: string | null): CommandEnd {
  return { answer: { kind: "failed", result, why, details } };
}

function refused(why: string): CommandEnd {
  return { answer: { kind: "refused", why } };
}
