/**
 * Who accepts from the sockets of a gateway that is gone: the next one that lives, until there is
 * another in its place. So nobody waits for an import, nor for code that does not load any more.
 */
import type { GatewayProcess } from "./gateway-process.ts";

export type StandIn = Pick<GatewayProcess, "isAccepting" | "ask">;

export class StandIns {
  readonly #processes: readonly (StandIn | null)[];
  /** Of each gateway that is gone, who stands in for it; null where nobody does yet. */
  readonly #standIns = new Map<number, StandIn | null>();

  /** @param processes by index; whoever is gone is null, and whoever owns the list changes it */
  constructor(processes: readonly (StandIn | null)[]) {
    this.#processes = processes;
  }

  /** This one is gone, and so is the stand-in of whoever it stood in for. */
  leave(index: number): void {
    if (!this.#standIns.has(index)) this.#standIns.set(index, null);
    for (const [owner, standIn] of this.#standIns) {
      if (standIn !== null && !standIn.isAccepting) this.#standIns.set(owner, null);
    }
    this.#assign();
  }

  /** There is another in its place, which accepts. */
  comeBack(index: number): void {
    void this.#standIns.get(index)?.ask("stand-down", { owner: index });
    this.#standIns.delete(index);
    // Where all were gone, nobody stood in for the others.
    this.#assign();
  }

  #assign(): void {
    for (const [owner, standIn] of this.#standIns) {
      if (standIn !== null) continue;
      const next = this.#nextOf(owner);
      this.#standIns.set(owner, next);
      void next?.ask("stand-in", { owner });
    }
  }

  #nextOf(owner: number): StandIn | null {
    const count = this.#processes.length;
    for (let step = 1; step < count; step++) {
      const candidate = this.#processes[(owner + step) % count] ?? null;
      if (candidate?.isAccepting === true) return candidate;
    }
    return null;
  }
}
