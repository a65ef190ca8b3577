/**
 * The gateway's own control socket: made where it was asked for, or in the runtime folder, or not
 * at all. That it cannot be made is no reason not to serve: it is said in one line, and then the
 * signals are left.
 */
import type { Log } from "../../base/log.ts";
import type { FileIdentity } from "../../net/unix-socket-file.ts";
import type { ControlCommands } from "./control-commands.ts";
import { type ControlPlace, placeAt, placeInRuntimeFolder } from "./control-place.ts";
import { ControlServer } from "./control-server.ts";

/** An absolute path, `"auto"` for the runtime folder, or null for none. */
export type ControlChoice = string | null;

export const AUTOMATIC = "auto";

export interface ControlSocketSettings {
  readonly choice: ControlChoice;
  /** Of the process: it names the runtime folder. */
  readonly env: NodeJS.ProcessEnv;
  /** Whether another process of this program serves, and this one is to take its place. */
  readonly isSuccessor: boolean;
}

export class ControlSocket {
  readonly #settings: ControlSocketSettings;
  readonly #log: Log;
  readonly #server: ControlServer;
  #opened: Promise<FileIdentity | null> | null = null;

  /** @param commands may come later: a client waits for them */
  constructor(
    settings: ControlSocketSettings,
    commands: ControlCommands | Promise<ControlCommands>,
    log: Log,
  ) {
    this.#settings = settings;
    this.#log = log;
    this.#server = new ControlServer(commands, log);
  }

  /**
   * Called once this process is the user that it will stay. Idempotent.
   *
   * @returns the file that was made, for others to remove if this process is killed; null where
   *   there is none
   */
  open(): Promise<FileIdentity | null> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  /** This process serves, and a predecessor has made way. */
  async takeOver(): Promise<void> {
    const { choice } = this.#settings;
    if (choice === null || !this.#waitsForPredecessor) return;
    const opened = await this.#openAt(await placeAt(choice, true));
    if (typeof opened === "string") this.#warn(opened);
  }

  close(): void {
    this.#server.close();
  }

  async #open(): Promise<FileIdentity | null> {
    const { choice, env } = this.#settings;
    if (choice === null || this.#waitsForPredecessor) return null;
    const isAutomatic = choice === AUTOMATIC;
    const place = isAutomatic
      ? await placeInRuntimeFolder({ env, uid: process.geteuid?.() ?? 0 }, process.pid)
      : await placeAt(choice);
    const opened = await this.#openAt(place);
    if (typeof opened !== "string") return opened;
    // Who asked for it by name counts on it; to everybody else a read-only container is no news.
    if (isAutomatic) this.#log.info("no control socket", { cause: opened });
    else this.#warn(opened);
    return null;
  }

  /** A path that was named is the predecessor's until this process serves. */
  get #waitsForPredecessor(): boolean {
    const { choice, isSuccessor } = this.#settings;
    return isSuccessor && choice !== AUTOMATIC;
  }

  #warn(cause: string): void {
    this.#log.warn("the control socket cannot be made", { cause });
  }

  /** @returns why not, as text */
  async #openAt(place: ControlPlace): Promise<FileIdentity | null | string> {
    if (place.kind === "none") return place.why;
    try {
      return await this.#server.open(place.path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return `${place.path} cannot be made (${code ?? String(error)})`;
    }
  }
}
