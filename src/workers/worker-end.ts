/**
 * How a worker came to its end, and why another takes its place: for figures and the log. Pure.
 */
import { constants } from "node:os";
import type { LogFields } from "../base/log.ts";
import { signalName } from "../os/signal-name.ts";
import type { WorkerHandle } from "./worker-handle.ts";
import type { ProcessEnd } from "./zygote.ts";

/** It has served its time, with what the log says of it. */
export const OUTLIVED_REASONS = {
  "max-requests": "has taken --max-requests",
  "max-rss": "uses more memory than --max-rss",
  "max-lifetime": "has lived for --max-lifetime",
} as const;

export type OutlivedCause = keyof typeof OUTLIVED_REASONS;

/** Why a worker was replaced. */
export type RestartCause =
  /** It exited by itself. */
  | "exit"
  /** A signal ended it that was not ours. */
  | "signal"
  /** It did not answer in time. */
  | "timeout"
  /** It was not ready in time. */
  | "start-timeout"
  /** It closed its channel and went on, or said something that no worker says. */
  | "channel"
  | "not-forked"
  /** Its zygote ended, and took it along. */
  | "zygote"
  | OutlivedCause;

export type RestartCounts = Record<RestartCause, number>;

export function noRestarts(): RestartCounts {
  return {
    exit: 0,
    signal: 0,
    timeout: 0,
    "start-timeout": 0,
    channel: 0,
    "not-forked": 0,
    zygote: 0,
    "max-requests": 0,
    "max-rss": 0,
    "max-lifetime": 0,
  };
}

/**
 * Why a worker is ended that has closed a channel. The end of a process closes its channels too,
 * often before its parent reports it: so this is worth saying only of one that went on.
 */
export const CLOSED_CHANNEL_REASON = "closed its channel";

/** Of a worker that has been reaped, where it is not known from before. */
export function causeOfEnd({ killedAtMs }: WorkerHandle, { signal }: ProcessEnd): RestartCause {
  if (killedAtMs !== null) return "channel";
  return signal === null ? "exit" : "signal";
}

/** Follows "a worker ended". */
export function describeEnd({ status, signal }: ProcessEnd): string {
  return signal === null ? `with status ${status}` : `by ${signalName(signal)}`;
}

/** Whether it was us who killed it, whatever else it was told before. */
export function isOwnKill({ killedAtMs }: WorkerHandle, { signal }: ProcessEnd): boolean {
  return signal === constants.signals.SIGKILL && killedAtMs !== null;
}

/** What the log says of a worker that ended by itself. */
export function endFields(handle: WorkerHandle, end: ProcessEnd): LogFields {
  const { pid, reason, killedAtMs } = handle;
  const { status, signal } = end;
  const isForeignKill = signal === constants.signals.SIGKILL && !isOwnKill(handle, end);
  const saysReason = reason !== null && (reason !== CLOSED_CHANNEL_REASON || killedAtMs !== null);
  return {
    pid,
    ...(signal === null ? { status } : { signal: signalName(signal) }),
    ...(saysReason ? { reason } : {}),
    ...(isForeignKill ? { hint: "the kernel does that where memory runs out" } : {}),
  };
}
