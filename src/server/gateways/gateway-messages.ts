/**
 * What a leader and its gateways say to each other, and what a gateway is told when it is started.
 * Lines of JSON on a stream between the two: the leader asks, and the gateway answers each question
 * by its number, or tells something by itself.
 *
 *     > {"id":7,"command":"scale","arguments":{"min":2,"max":4}}
 *     < {"id":7,"result":null}
 *     < {"told":{"kind":"taken-back","generation":3,"why":"..."}}
 *
 * Both are the same program, started from the same files, so no version is needed. Knows no socket
 * and no process.
 */
import type { ExitStatus } from "../../base/errors.ts";
import type { FileIdentity } from "../../net/unix-socket-file.ts";
import type { PythonInterpreter } from "../../workers/python-interpreter.ts";
import type { WorkerRange } from "../../workers/worker-scaling.ts";
import type { LoadedApplication } from "../../workers/zygote.ts";
import type { GatewayStatus } from "../gateway-status.ts";
import type { ToldFamily } from "../observation/metric-family.ts";
import type { ObservedPart, PartWanted } from "../observation/observed-part.ts";
import type { StackResult } from "../observation/snapshot.ts";

/** The environment variable by which a process learns that it is one of several gateways. */
export const GATEWAY_VARIABLE = "PORTICO_GATEWAY";
/** The stream to the leader, in the gateway. */
export const LEADER_DESCRIPTOR = 3;
/**
 * One line: a status with many workers, a traceback, the figures of 50 routes, or ten minutes of
 * seconds, which are 5 MiB where each has requests of every duration that is told apart.
 */
export const MESSAGE_MAX_BYTES = 8_388_608;

/**
 * Whose a listening socket is: a gateway accepts from its own, and from those that all share. From
 * another's it accepts while that one is gone.
 */
export interface SocketShare {
  readonly descriptor: number;
  /** Which of the addresses that were asked for. */
  readonly place: number;
  /** Null: all accept from it. */
  readonly owner: number | null;
}

/** What a gateway is told at its start, beside the options: the variable's value, as JSON. */
export interface GatewayOffer {
  /** PID. */
  readonly leader: number;
  /** From 0. */
  readonly index: number;
  readonly gateways: number;
  /** Addresses as they were asked for. */
  readonly binds: readonly string[];
  readonly sockets: readonly SocketShare[];
  /** What it is to remove when the leader was killed. */
  readonly files: readonly FileIdentity[];
  readonly workers: WorkerRange;
  /** Number of its first generation. */
  readonly generation: number;
  /** Of `--config`, as it was when the leader was started; null where there is none. */
  readonly configText: string | null;
  /** As the leader found it: who has become another user may not see it any more. */
  readonly interpreter: PythonInterpreter;
}

/** @returns null where no leader has started this process */
export function readOffer(env: Readonly<Record<string, string | undefined>>): GatewayOffer | null {
  const text = env[GATEWAY_VARIABLE];
  return text === undefined ? null : (JSON.parse(text) as GatewayOffer);
}

/** Each question, with what it is asked with and what is answered. */
export interface Questions {
  /** Begin to accept. */
  readonly accept: [null, null];
  readonly status: [null, GatewayStatus];
  /** Figures of this moment, none without `--metrics`; null where they cannot be read. */
  readonly metrics: [null, readonly ToldFamily[] | null];
  /** What there is to see of it; null where it cannot be looked at. */
  readonly observe: [PartWanted, ObservedPart | null];
  /** Python's stack of one of its workers; null where that cannot be read. */
  readonly stack: [{ readonly pid: number }, StackResult | null];
  /** Answered by whoever's event loop turns. */
  readonly "are-you-there": [null, null];
  /** Make a new generation ready, but leave the traffic where it is. */
  readonly prepare: [{ readonly generation: number }, PrepareOutcome];
  /** Give the prepared generation the traffic, or dismiss it. */
  readonly decide: [{ readonly objection: string | null }, null];
  readonly "take-back": [{ readonly generation: number; readonly why: string }, null];
  readonly scale: [WorkerRange, null];
  readonly "reopen-logs": [null, null];
  /** Remove these when the leader was killed. */
  readonly inherit: [{ readonly files: readonly FileIdentity[] }, null];
  /** Accept from the sockets of a gateway that is gone; or leave them to it again. */
  readonly "stand-in": [{ readonly owner: number }, null];
  readonly "stand-down": [{ readonly owner: number }, null];
  /** Answer what was accepted, and end. */
  readonly stop: [{ readonly waits: boolean }, null];
  /** Do not wait for anybody to go elsewhere. */
  readonly hurry: [null, null];
  readonly "stop-now": [null, null];
}

export type Question = keyof Questions;

export type PrepareOutcome =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly why: string; readonly details: string | null }
  | { readonly kind: "stopping" };

/** What a gateway tells by itself. */
export type GatewayNews =
  /** Its workers are ready, and it waits for `accept`. */
  | { readonly kind: "loaded"; readonly application: LoadedApplication }
  /** It does not start, and ends. */
  | {
      readonly kind: "failed";
      readonly exitStatus: ExitStatus;
      readonly why: string;
      readonly details: string | null;
    }
  /** New code failed while it was watched, and the old code serves again. */
  | { readonly kind: "taken-back"; readonly generation: number; readonly why: string };

/** A line from the leader. */
export interface Ask {
  readonly id: number;
  readonly command: Question;
  readonly arguments: unknown;
}

/** A line from a gateway. */
export type Said =
  | { readonly id: number; readonly result: unknown }
  | { readonly told: GatewayNews };

export function encodeMessage(message: Ask | Said): string {
  return `${JSON.stringify(message)}\n`;
}
