/**
 * What a service manager is told about the life of this process, sd_notify(3).
 *
 * Owns the words of that protocol and their timing. Without NOTIFY_SOCKET in the environment, or
 * without our own system calls, nothing is said; nothing that goes wrong here is ever fatal.
 */
import type { Log } from "../base/log.ts";
import { errnoName } from "./errno.ts";
import { systemLibraries } from "./libc.ts";
import { encodeUnixName } from "./socket-address.ts";
import { sendDatagram } from "./sockets.ts";

/** Sends one datagram. @returns 0, or the errno */
export type SendNotice = (notice: string) => number;

/** What is said about this process: its state for machines, a sentence for `systemctl status`. */
type Notice = readonly string[];

/**
 * A message about the state that could not be sent is sent again with the next sweeps, so many
 * times.
 */
const RESENDS_MAX = 40;

export class ServiceManager {
  readonly #send: SendNotice | null;
  readonly #log: Log;
  /** Half of what the manager waits for a sign of life; null where it does not. */
  readonly #watchdogIntervalMs: number | null;
  #watchdogDueAtMs = -Infinity;
  #unsent: string | null = null;
  #resends = 0;
  #failed = false;
  #isSpeaker = true;

  /** @param send null: say nothing */
  constructor(send: SendNotice | null, watchdogIntervalMs: number | null, log: Log) {
    this.#send = send;
    this.#watchdogIntervalMs = watchdogIntervalMs;
    this.#log = log;
  }

  /** Serving; also after a reload, whatever came of it. */
  ready(status: string): void {
    this.#tell(["READY=1", statusLine(status)]);
  }

  /** A new generation of the code is being loaded; `ready` ends it. */
  reloading(): void {
    // The clock of the manager's choice is CLOCK_MONOTONIC, and so is Node's.
    const nowUs = process.hrtime.bigint() / 1000n;
    this.#tell(["RELOADING=1", `MONOTONIC_USEC=${nowUs}`, statusLine("loading the new code")]);
  }

  stopping(status: string): void {
    this.#tell(["STOPPING=1", statusLine(status)]);
  }

  /** Another process is the one to watch, and to be heard, from now on. */
  handOver(pid: number): void {
    this.#tell([`MAINPID=${pid}`]);
    this.#isSpeaker = false;
  }

  /**
   * Says that the event loop is turning. Called by the loop's own sweep and by nothing else, so
   * that a gateway which is stuck falls silent.
   */
  sweep(nowMs: number): void {
    if (this.#unsent !== null) this.#resend(this.#unsent);
    if (!this.#isSpeaker || this.#watchdogIntervalMs === null || nowMs < this.#watchdogDueAtMs)
      return;
    this.#watchdogDueAtMs = nowMs + this.#watchdogIntervalMs;
    this.#send?.("WATCHDOG=1");
  }

  #tell(notice: Notice): void {
    if (!this.#isSpeaker) return;
    const text = notice.join("\n");
    this.#unsent = null;
    this.#resends = 0;
    this.#resend(text);
  }

  #resend(text: string): void {
    const errno = this.#send?.(text) ?? 0;
    this.#unsent = errno !== 0 && ++this.#resends <= RESENDS_MAX ? text : null;
    if (errno === 0 || this.#failed) return;
    this.#failed = true;
    this.#log.warn("the service manager could not be told", { cause: errnoName(errno) });
  }
}

/** For the process with this PID, as its environment says. */
export function openServiceManager(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
  log: Log,
): ServiceManager {
  return new ServiceManager(openNotices(env["NOTIFY_SOCKET"] ?? "", log), watchdog(env, pid), log);
}

function openNotices(name: string, log: Log): SendNotice | null {
  if (name === "") return null;
  const libraries = systemLibraries();
  const address = /^[/@]./.test(name) ? encodeUnixName(name) : null;
  if (address === null) {
    log.warn("the service manager cannot be told anything", { NOTIFY_SOCKET: name });
    return null;
  }
  if ("unavailable" in libraries) {
    log.warn("the service manager cannot be told anything", { why: libraries.unavailable });
    return null;
  }
  const { libc } = libraries;
  return (notice) => sendDatagram(libc, address, Buffer.from(notice));
}

/** @returns how often the manager wants a sign of life, in ms: twice in its own time */
function watchdog(env: Readonly<Record<string, string | undefined>>, pid: number): number | null {
  const us = env["WATCHDOG_USEC"] ?? "";
  const isOurs = (env["WATCHDOG_PID"] ?? String(pid)) === String(pid);
  return isOurs && /^[1-9]\d{0,14}$/.test(us) ? Number(us) / 2000 : null;
}

function statusLine(status: string): string {
  return `STATUS=${status.replaceAll("\n", " ")}`;
}
