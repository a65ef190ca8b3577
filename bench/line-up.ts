/**
 * The servers of a work, each started and warmed when its first turn comes, and kept for the rounds
 * that follow: so that the turns of a round lie seconds apart, and a disturbance hits all alike.
 *
 * Must not know what is measured.
 */
import type { Entrant } from "./entrants.ts";
import { RunningServer } from "./running-server.ts";
import type { Load } from "./work.ts";
import { warmUp } from "./wrk.ts";

export class LineUp implements AsyncDisposable {
  readonly #module: string;
  readonly #load: Load;
  readonly #servers = new Map<Entrant, RunningServer>();

  constructor(module: string, load: Load) {
    this.#module = module;
    this.#load = load;
  }

  /** @throws {Error} when the server does not come to answer; nothing of it is left then */
  async serverOf(entrant: Entrant): Promise<RunningServer> {
    const known = this.#servers.get(entrant);
    if (known !== undefined) return known;
    const server = await RunningServer.start(entrant, this.#module);
    this.#servers.set(entrant, server);
    const { port } = server;
    if (this.#load.kind === "wrk") await warmUp({ ...this.#load, port });
    return server;
  }

  /** Does nothing where it has no server that runs. */
  async stop(entrant: Entrant): Promise<void> {
    const server = this.#servers.get(entrant);
    this.#servers.delete(entrant);
    await server?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const entrant of this.#servers.keys()) await this.stop(entrant);
  }
}
