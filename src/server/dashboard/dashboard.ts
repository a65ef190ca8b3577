/**
 * The live page of a gateway: where it listens, from when, and how its address goes from one
 * process to the next on USR2.
 *
 * Two processes cannot listen at one address by `node:http`, so a successor waits with it until it
 * serves, and the predecessor gives it up once it does not. A page that is open notices a broken
 * stream, and connects again.
 */
import { setTimeout as pause } from "node:timers/promises";
import { EXIT_STATUS, OperatorError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import {
  formatBindAddress,
  type NamedAddress,
  resolveBindAddress,
} from "../../net/bind-address.ts";
import { cannotListen, listenError } from "../../net/listen-error.ts";
import { listenPrivately } from "../../net/private-socket.ts";
import { type FileIdentity, identifyFile, removeIfSame } from "../../net/unix-socket-file.ts";
import { placeAt } from "../control/control-place.ts";
import { DashboardServer, type DashboardServerSettings } from "./dashboard-server.ts";
import { isLoopback } from "./request-rules.ts";

export interface DashboardSettings extends DashboardServerSettings {
  readonly address: NamedAddress;
  /** Whether another process of this program serves, and this one is to take its place. */
  readonly isSuccessor: boolean;
}

/** A predecessor gives its address up in its next turn; this is for a machine that is busy. */
const TAKE_OVER_MS = 10_000;
const TAKE_OVER_INTERVAL_MS = 20;

/**
 * @returns why an address may not be listened on; null where it may. Where other machines can come,
 *   they would read request lines, and see what the application is at.
 */
export function dashboardObjection(address: NamedAddress, token: string | null): string | null {
  if (address.kind === "unix" || token !== null || isLoopback(address.host)) return null;
  return (
    `other machines can reach ${formatBindAddress(address)}, so it needs a token: ` +
    "set PORTICO_DASHBOARD_TOKEN, or choose 127.0.0.1 and forward the port with ssh -L"
  );
}

export class Dashboard {
  readonly #settings: DashboardSettings;
  readonly #log: Log;
  readonly #dashboard: DashboardServer;
  #file: FileIdentity | null = null;
  #closed = false;

  constructor(settings: DashboardSettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
    this.#dashboard = new DashboardServer(settings, log);
  }

  /** As a person opens it; null while it does not listen. */
  get url(): string | null {
    const bound = this.#dashboard.server.address();
    if (bound === null) return null;
    if (typeof bound === "string") return `unix:${this.#file?.path ?? bound}`;
    const host = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
    return `http://${host}:${bound.port}/`;
  }

  /**
   * Called once this process is the user that it will stay. A successor waits.
   *
   * @returns the file that was made, for others to remove if this process is killed; null where
   *   there is none
   * @throws {OperatorError} exit status 1: it cannot be listened there
   */
  async open(): Promise<FileIdentity | null> {
    if (this.#settings.isSuccessor) return null;
    try {
      await this.#listen(false);
    } catch (error) {
      throw await this.#refusal(error as NodeJS.ErrnoException);
    }
    return this.#file;
  }

  /** In the words that any other address is refused with. */
  async #refusal({ code, message }: NodeJS.ErrnoException): Promise<OperatorError> {
    let refusal: unknown;
    try {
      const address = await resolveBindAddress(this.#settings.address);
      refusal = code === undefined ? cannotListen(address, message) : listenError(address, code);
    } catch (nameless) {
      refusal = nameless;
    }
    const { message: why } = refusal as OperatorError;
    return new OperatorError(EXIT_STATUS.failure, why.replaceAll("--bind", "--dashboard"));
  }

  /** This process serves, and a predecessor has made way, or is about to. Waits for neither. */
  takeOver(): void {
    if (this.#settings.isSuccessor) void this.#listenPatiently();
  }

  /** Everybody who looks is told by the end of the stream. Idempotent. */
  close(): void {
    this.#closed = true;
    if (this.#file !== null) removeIfSame(this.#file);
    this.#file = null;
    this.#dashboard.close();
  }

  async #listenPatiently(): Promise<void> {
    const deadlineMs = performance.now() + TAKE_OVER_MS;
    for (;;) {
      try {
        await this.#listen(true);
        if (!this.#closed) this.#log.info("the live page is here now", { address: this.url });
        return;
      } catch (error) {
        const { code = String(error) } = error as NodeJS.ErrnoException;
        if (this.#closed) return;
        if (code !== "EADDRINUSE" || performance.now() > deadlineMs) {
          this.#log.warn("the live page cannot be shown", { cause: code });
          return;
        }
      }
      await pause(TAKE_OVER_INTERVAL_MS, null, { ref: false });
    }
  }

  /**
   * @param replaces also a Unix socket that somebody answers
   * @throws {Error} with the `code` of the call that failed, or the reason as its message
   */
  async #listen(replaces: boolean): Promise<void> {
    const { address } = this.#settings;
    const { server } = this.#dashboard;
    if (address.kind === "unix") {
      const place = await placeAt(address.path, replaces);
      if (place.kind === "none") throw new Error(place.why);
      await listenPrivately(server, place.path);
      this.#file = identifyFile(place.path);
    } else {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: address.host, port: address.port }, () => {
          server.off("error", reject);
          resolve();
        });
      });
    }
    server.on("error", (error) => {
      this.#log.warn("the live page's server takes no connection", { cause: error.message });
    });
    server.unref();
    if (this.#closed) this.close();
  }
}
