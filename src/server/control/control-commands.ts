/**
 * What can be asked for over the control socket: the table of commands, and what each checks and
 * does. Knows no socket.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { ReloadOutcome, ReloadStatus } from "../../workers/supervisor-status.ts";
import type { WorkerRange } from "../../workers/worker-scaling.ts";
import type { GatewayStatus } from "../gateway-status.ts";
import type { ControlAnswer } from "./control-protocol.ts";

/** The part of the gateway that commands reach. */
export interface ControlledGateway {
  status(): GatewayStatus;
  reload(): Promise<ReloadOutcome>;
  scale(range: WorkerRange): void;
}

export interface ControlCommandSettings {
  /** Begins a graceful stop, at whose end the process is gone. */
  readonly stop: () => void;
  /** How long that may take. */
  readonly stopWithinMs: number;
  /** How long a reload may take until it serves, or has failed. */
  readonly reloadWithinMs: number;
  readonly workersMax: number;
}

/** One request, on its way. */
export interface ControlCall {
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Sends an answer before the last one. */
  readonly progress: (result: unknown) => void;
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
  return new Map<string, ControlCommand>([
    ["status", () => done(gateway.status())],
    ["reload", (call) => reload(gateway, settings, call)],
    ["scale", (call) => scale(gateway, settings, call)],
    [
      "stop",
      () => ({
        ...done({ pid: gateway.status().pid, withinMs: settings.stopWithinMs }),
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
    const { lastReload, generations } = gateway.status();
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
  { workersMax }: ControlCommandSettings,
  call: ControlCall,
): CommandEnd {
  const { min, max } = call.arguments;
  if (!isCount(min, workersMax) || !isCount(max, workersMax) || min > max) {
    return refused(`min and max are whole numbers from 1 to ${workersMax}, in this order`);
  }
  gateway.scale({ min, max });
  return done({ min, max });
}

function isCount(value: unknown, max: number): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= max;
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
