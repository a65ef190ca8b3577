/**
 * Handing the listening sockets over to another process of the same program, on USR2: the side that
 * gives. The side that takes is `inheritance.ts`.
 *
 *     predecessor                                   successor
 *       starts it, with the listening sockets
 *         as descriptors 4, 5, ... and one end
 *         of a stream as descriptor 3
 *       goes on accepting                             imports, forks, accepts from the same sockets
 *                                <-- "serving" --
 *       stops accepting, drains, ends
 *                                --- "yours" -->      the sockets' files and the PID file are its
 *
 * Until "serving" nothing of the predecessor has changed, so backing out is to end the successor.
 * That is done with SIGTERM: should it have begun to accept, it answers what it has accepted.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { type BindAddress, formatBindAddress } from "../net/bind-address.ts";
import type { Listener } from "../net/transport.ts";
import type { FileIdentity } from "../net/unix-socket-file.ts";
import { formatAddress } from "../os/socket-address.ts";
import { within } from "./bounded-wait.ts";

/** The environment variable by which a successor learns that it is one. */
export const TAKEOVER_VARIABLE = "PORTICO_TAKEOVER";
/** The stream between the two, in the successor. */
export const CHANNEL_DESCRIPTOR = 3;
export const SERVING = "serving\n";
export const YOURS = "yours\n";
/** From SIGKILL until a process is gone, unless the kernel waits for something in its name. */
const KILLED_MAX_MS = 1_000;

/** A listening socket, as it is named to the successor. */
export interface OfferedSocket {
  readonly descriptor: number;
  /** As it was asked for: `127.0.0.1:0`, `fd://3`. */
  readonly bind: string;
  /** As it is bound. */
  readonly address: string;
  readonly file: FileIdentity | null;
}

/** The variable's value, as JSON. */
export interface TakeoverOffer {
  readonly predecessor: number;
  readonly sockets: readonly OfferedSocket[];
}

/** How to start this program again as it was started. */
export interface OwnCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface TakeoverBounds {
  /** What the successor gets until it serves. */
  readonly startMs: number;
  /** What it gets to end when it did not; then it is killed. */
  readonly endMs: number;
  /** The same, where this process is waiting to stop. */
  readonly abandonedMs: number;
}

/** A socket that is listened on, and as what it was asked for. */
export interface ListeningPlace {
  readonly bind: BindAddress;
  readonly listener: Listener;
}

export type TakeoverOutcome =
  | { readonly kind: "serving"; readonly pid: number }
  | { readonly kind: "failed"; readonly why: string };

export class Takeover {
  /** What came of it. Where it has failed, nothing of the successor is left. */
  readonly outcome: Promise<TakeoverOutcome>;
  readonly #child: ChildProcess;
  /** Null where no process could be started. */
  readonly #channel: Socket | null;
  readonly #bounds: TakeoverBounds;
  readonly #settled = Promise.withResolvers<TakeoverOutcome>();

  /**
   * Starts the successor.
   *
   * @param places each with a descriptor
   * @throws {Error} there is no room for another process
   */
  constructor(command: OwnCommand, places: readonly ListeningPlace[], bounds: TakeoverBounds) {
    this.#bounds = bounds;
    this.#child = spawn(command.program, command.args, {
      cwd: command.folder,
      env: { ...command.env, [TAKEOVER_VARIABLE]: JSON.stringify(offerOf(places)) },
      // Nobody reads standard input, and a listening socket may be what it is.
      stdio: [
        "ignore",
        "inherit",
        "inherit",
        "pipe",
        ...places.map(({ listener }) => listener.descriptor ?? "ignore"),
      ],
    });
    this.#channel = (this.#child.stdio[CHANNEL_DESCRIPTOR] as Socket | undefined) ?? null;
    this.#listen();
    this.outcome = this.#conclude();
  }

  /**
   * Backs out, whatever the successor is doing. Without effect once it serves.
   *
   * @returns when nothing of it is left, or {@link KILLED_MAX_MS} after it was killed
   */
  async abandon(why: string): Promise<void> {
    this.#fail(why);
    const { abandonedMs } = this.#bounds;
    if ((await within(this.outcome, abandonedMs)) !== null) return;
    this.#child.kill("SIGKILL");
    await within(this.outcome, KILLED_MAX_MS);
  }

  /** Tells the successor that the sockets are its own now. Afterwards this process may end. */
  confirm(): void {
    this.#channel?.end(YOURS);
    this.#child.unref();
  }

  #listen(): void {
    const child = this.#child;
    child.once("error", (error) => this.#fail(`it could not be started: ${error.message}`));
    child.once("exit", (status, signal) => {
      this.#fail(signal === null ? `it ended with status ${status}` : `it was ended by ${signal}`);
    });
    let said = "";
    // An error of the stream is followed by the end of the process, which says more.
    this.#channel?.on("error", () => {});
    this.#channel?.setEncoding("latin1").on("data", (text: string) => {
      said = (said + text).slice(0, SERVING.length);
      if (said === SERVING) this.#settled.resolve({ kind: "serving", pid: child.pid ?? 0 });
    });
  }

  #fail(why: string): void {
    this.#settled.resolve({ kind: "failed", why });
  }

  async #conclude(): Promise<TakeoverOutcome> {
    const { startMs } = this.#bounds;
    const timer = setTimeout(
      () => this.#fail(`it did not serve within ${startMs / 1000} s`),
      startMs,
    );
    const outcome = await this.#settled.promise;
    clearTimeout(timer);
    if (outcome.kind === "failed") await this.end();
    return outcome;
  }

  /** Ends the successor: what it has accepted, it answers. */
  async end(): Promise<void> {
    const child = this.#child;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), this.#bounds.endMs);
    await ended;
    clearTimeout(timer);
  }
}

function offerOf(places: readonly ListeningPlace[]): TakeoverOffer {
  return {
    predecessor: process.pid,
    sockets: places.map(({ bind, listener }, index) => ({
      descriptor: CHANNEL_DESCRIPTOR + 1 + index,
      bind: formatBindAddress(bind),
      address: formatAddress(listener.address),
      file: listener.file,
    })),
  };
}
