/**
 * What the gateway owes to the system around it, and when: descriptors that others have opened, the
 * user it becomes, the PID file, the service manager, orphans.
 *
 * Owns the order of these steps; each of them is made elsewhere.
 */
import type { Log } from "../base/log.ts";
import type { BindAddress } from "../net/bind-address.ts";
import type { Listener, Transport } from "../net/transport.ts";
import type { OrphanReaper } from "../os/orphans.ts";
import type { PidFile } from "../os/pid-file.ts";
import {
  becomeIdentity,
  giveSocketFile,
  giveStandardError,
  type Identity,
} from "../os/privileges.ts";
import type { ServiceManager } from "../os/service-manager.ts";
import type { LoadedApplication } from "../workers/zygote.ts";
import type { AccessLog } from "./access-log/access-log.ts";
import type { Inheritance } from "./inheritance.ts";

export interface SurroundingsSettings {
  readonly inheritance: Inheritance | null;
  /** Whom to become; null: remain. */
  readonly identity: Identity | null;
  /** Whether standard error is a file of our own, which is to be that user's. */
  readonly hasErrorLog: boolean;
  /** Null for none; its file is to be that user's too. */
  readonly accessLog: Pick<AccessLog, "giveTo"> | null;
  readonly pidFile: PidFile | null;
  readonly serviceManager: ServiceManager;
  /** Null where none come here. */
  readonly reaper: OrphanReaper | null;
  readonly log: Log;
}

/** The part of it that a gateway has, whoever owes the rest. */
export type GatewaySurroundings = Pick<
  Surroundings,
  | "listen"
  | "onBound"
  | "beforeAccepting"
  | "onServing"
  | "onReloading"
  | "onReloaded"
  | "onStopping"
  | "onHandedOver"
  | "sweep"
>;

export class Surroundings {
  readonly #settings: SurroundingsSettings;
  /** Once it is written. */
  #pidFile: PidFile | null = null;
  readonly #boundAhead = new Map<BindAddress, Listener>();

  constructor(settings: SurroundingsSettings) {
    this.#settings = settings;
  }

  /**
   * Makes new listening sockets for addresses that {@link listen} is asked for later.
   *
   * @throws {OperatorError} exit status 1: as {@link Transport.listen}; none is left then
   */
  async bindAhead(
    transport: Transport,
    addresses: readonly BindAddress[],
    backlog: number,
  ): Promise<Listener[]> {
    const bound = this.#boundAhead;
    try {
      for (const address of addresses) bound.set(address, await transport.listen(address, backlog));
    } catch (error) {
      for (const listener of bound.values()) listener.stop();
      bound.clear();
      throw error;
    }
    return [...bound.values()];
  }

  /**
   * A listening socket: bound ahead, inherited, or new.
   *
   * @throws {OperatorError} exit status 1: as {@link Transport.listen}
   */
  async listen(transport: Transport, address: BindAddress, backlog: number): Promise<Listener> {
    const ahead = this.#boundAhead.get(address);
    if (ahead !== undefined) {
      this.#boundAhead.delete(address);
      return ahead;
    }
    const { inheritance } = this.#settings;
    return inheritance?.listen(transport, address, backlog) ?? transport.listen(address, backlog);
  }

  /** The inherited socket for an address; null where there is none, or none any more. */
  async inherited(
    transport: Transport,
    address: BindAddress,
    backlog: number,
  ): Promise<Listener | null> {
    return (await this.#settings.inheritance?.adopt(transport, address, backlog)) ?? null;
  }

  /**
   * All sockets are bound, and no code of the application is loaded yet.
   *
   * @throws {OperatorError} exit status 1: the PID file is another's, or the user cannot be become
   */
  onBound(listeners: readonly Listener[]): void {
    const { inheritance, identity, hasErrorLog, accessLog, pidFile } = this.#settings;
    inheritance?.closeUnclaimed();
    pidFile?.check(inheritance?.predecessor ?? null);
    // As long as there is a predecessor, it is the one to send signals to.
    if (inheritance === null) this.#writePidFile();
    if (identity === null) return;
    for (const { file } of listeners) if (file !== null) giveSocketFile(file.path, identity);
    if (hasErrorLog) giveStandardError(identity);
    accessLog?.giveTo(identity);
    becomeIdentity(identity);
  }

  /** The application is loaded and its workers are ready. Resolves when accepting may begin. */
  async beforeAccepting(_loaded: LoadedApplication): Promise<void> {}

  /**
   * The gateway accepts.
   *
   * @param status for people, as `systemctl status` shows it
   */
  async onServing(status: string): Promise<void> {
    const { inheritance, serviceManager } = this.#settings;
    if (inheritance !== null) {
      await inheritance.announce();
      this.#takePidFile();
    }
    serviceManager.ready(status);
  }

  onReloading(): void {
    this.#settings.serviceManager.reloading();
  }

  onReloaded(status: string): void {
    this.#settings.serviceManager.ready(status);
  }

  onStopping(status: string): void {
    this.#settings.serviceManager.stopping(status);
  }

  /** Another process serves in this one's place. */
  onHandedOver(successor: number): void {
    this.#settings.serviceManager.handOver(successor);
    this.#pidFile = null;
  }

  /** Called several times a second by the event loop. */
  sweep(nowMs: number): void {
    this.#settings.serviceManager.sweep(nowMs);
    this.#settings.reaper?.sweep(nowMs);
  }

  /** The process ends, whatever for. */
  onExit(): void {
    this.#pidFile?.removeIfOurs();
  }

  /** The predecessor is leaving: no file is worth that nobody serves. */
  #takePidFile(): void {
    try {
      this.#writePidFile();
    } catch (error) {
      this.#settings.log.error("the PID file still names the predecessor", {
        cause: String(error),
      });
    }
  }

  #writePidFile(): void {
    const { inheritance, pidFile } = this.#settings;
    pidFile?.write(inheritance?.predecessor ?? null);
    this.#pidFile = pidFile;
  }
}
