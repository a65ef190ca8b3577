/**
 * USR2: another portico in this one's place. Decides whether there is to be one, and what follows
 * from how it went; how the sockets change hands is `takeover.ts`.
 */
import type { Log } from "../base/log.ts";
import type { GatewaySurroundings } from "./surroundings.ts";
import {
  type ListeningPlace,
  type OwnCommand,
  Takeover,
  type TakeoverBounds,
  type TakeoverOutcome,
} from "./takeover.ts";

export interface SuccessionSettings {
  readonly command: OwnCommand;
  readonly bounds: TakeoverBounds;
}

/** What this needs of the gateway. */
export interface Predecessor {
  /** Whether it accepts, and nobody has asked it to stop. */
  readonly isServing: boolean;
  places(): ListeningPlace[];
}

export class Succession {
  readonly #settings: SuccessionSettings;
  readonly #predecessor: Predecessor;
  readonly #surroundings: Pick<GatewaySurroundings, "onHandedOver">;
  readonly #log: Log;
  #takeover: Takeover | null = null;

  constructor(
    settings: SuccessionSettings,
    predecessor: Predecessor,
    surroundings: Pick<GatewaySurroundings, "onHandedOver">,
    log: Log,
  ) {
    this.#settings = settings;
    this.#predecessor = predecessor;
    this.#surroundings = surroundings;
    this.#log = log;
  }

  /**
   * Starts a successor and waits until it serves.
   *
   * @returns whether it does: then this process must stop accepting at once, answer what it has
   *   accepted, and end. Otherwise nothing has changed.
   */
  async begin(): Promise<boolean> {
    const objection = this.#objection();
    if (objection !== null) {
      this.#log.warn("no successor is started", { why: objection });
      return false;
    }
    this.#log.info("a successor is started, to take the sockets over");
    let outcome = await this.#start();
    if (outcome.kind === "serving" && !this.#predecessor.isServing) {
      // Somebody meant it by this process's number, and wanted the end of all.
      await this.#takeover?.end();
      outcome = { kind: "failed", why: "this process is being stopped" };
    }
    if (outcome.kind === "failed") {
      this.#takeover = null;
      if (!this.#predecessor.isServing) {
        this.#log.info("the successor is ended as well");
        return false;
      }
      this.#log.error("the successor does not serve, and this process goes on", {
        why: outcome.why,
      });
      return false;
    }
    for (const { listener } of this.#predecessor.places()) listener.shared = true;
    // In this order: the service manager listens to the successor once it has been told of it.
    this.#surroundings.onHandedOver(outcome.pid);
    this.#takeover?.confirm();
    this.#log.info("the successor serves; this process answers what it has, and ends", {
      successor: outcome.pid,
    });
    return true;
  }

  /**
   * This process is being stopped: so is a successor that does not serve yet.
   *
   * @returns when it holds the sockets no more. What the kernel queues at them after this process
   *   has closed them is reset at the successor's end, so until then this process must accept.
   */
  async abandon(): Promise<void> {
    await this.#takeover?.abandon("this process is being stopped");
  }

  #objection(): string | null {
    if (this.#takeover !== null) return "there is one already";
    if (!this.#predecessor.isServing) return "this process does not serve";
    if (process.pid === 1) {
      return "this is PID 1, whose end would end the container; send HUP, or replace the container";
    }
    const places = this.#predecessor.places();
    const canBeHandedOver = places.every(({ listener }) => listener.descriptor !== null);
    return canBeHandedOver ? null : "a socket cannot be handed over";
  }

  async #start(): Promise<TakeoverOutcome> {
    const { command, bounds } = this.#settings;
    try {
      this.#takeover = new Takeover(command, this.#predecessor.places(), bounds);
      return await this.#takeover.outcome;
    } catch (error) {
      return { kind: "failed", why: `it could not be started: ${String(error)}` };
    }
  }
}
