/**
 * One gateway as its leader sees it: a process that is started, asked, and ends. Nothing here
 * decides what follows from its end.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { EXIT_STATUS } from "../../base/errors.ts";
import type { OwnCommand } from "../takeover.ts";
import {
  GATEWAY_VARIABLE,
  type GatewayNews,
  type GatewayOffer,
  LEADER_DESCRIPTOR,
  type Question,
  type Questions,
  type Said,
} from "./gateway-messages.ts";
import { MessageStream } from "./message-stream.ts";

/** Where the listening sockets begin in the gateway. */
export const SOCKETS_DESCRIPTOR = LEADER_DESCRIPTOR + 1;
/** How often a gateway is asked for a sign of life. */
const ASKING_INTERVAL_MS = 1_000;

/** What came of a gateway's start. */
export type StartOutcome = Extract<GatewayNews, { readonly kind: "loaded" | "failed" }>;

export interface GatewayProcessEvents {
  onTakenBack(process: GatewayProcess, generation: number, why: string): void;
}

export class GatewayProcess {
  readonly index: number;
  readonly pid: number;
  /** By the leader's clock. */
  readonly bornAtMs: number;
  readonly started: Promise<StartOutcome>;
  /** How it ended: follows "it". */
  readonly ended: Promise<string>;
  /** Whether it was told to accept, and has not been told to stop. */
  isAccepting = false;
  readonly #child: ChildProcess;
  readonly #stream: MessageStream<Said>;
  readonly #events: GatewayProcessEvents;
  readonly #start = Promise.withResolvers<StartOutcome>();
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #asked = 0;
  #hasEnded = false;
  /** null while no sign of life is waited for. */
  #askedForLifeAtMs: number | null = null;
  #lifeDueAtMs = 0;

  /**
   * @param descriptors listening sockets, in the order of the offer's
   * @throws {Error} it cannot be started
   */
  constructor(
    command: OwnCommand,
    offer: GatewayOffer,
    descriptors: readonly number[],
    events: GatewayProcessEvents,
    nowMs: number,
  ) {
    this.index = offer.index;
    this.bornAtMs = nowMs;
    this.#events = events;
    this.started = this.#start.promise;
    this.#child = spawn(command.program, command.args, {
      cwd: command.folder,
      env: { ...command.env, [GATEWAY_VARIABLE]: JSON.stringify(offer) },
      stdio: ["ignore", "inherit", "inherit", "pipe", ...descriptors],
    });
    this.pid = this.#child.pid ?? 0;
    const socket = this.#child.stdio[LEADER_DESCRIPTOR] as Socket;
    this.#stream = new MessageStream<Said>(socket);
    this.#stream.listen((said) => this.#hear(said));
    const ended = new Promise<string>((resolve) => {
      this.#child.once("error", (error) => resolve(`could not be started: ${error.message}`));
      this.#child.once("exit", (status, signal) => {
        resolve(signal === null ? `ended with status ${status}` : `was ended by ${signal}`);
      });
    });
    this.ended = ended.then(async (how) => {
      // What it said last may still be on its way.
      await this.#stream.closed;
      this.#end(how);
      return how;
    });
  }

  /**
   * @returns what it answers; null where it has ended instead, or does not answer in time
   * @param boundMs how long is waited for that; null for as long as it lives
   */
  ask<Q extends Question>(
    command: Q,
    args: Questions[Q][0],
    boundMs: number | null = null,
  ): Promise<Questions[Q][1] | null> {
    if (this.#hasEnded) return Promise.resolve(null);
    const id = ++this.#asked;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, resolve);
    this.#stream.say({ id, command, arguments: args });
    const timer = boundMs === null ? null : setTimeout(() => resolve(null), boundMs);
    return promise.then((result) => {
      if (timer !== null) clearTimeout(timer);
      this.#waiting.delete(id);
      return result as Questions[Q][1] | null;
    });
  }

  /**
   * Called several times a second: asks for a sign of life.
   *
   * @returns for how long one has been waited for, in ms
   */
  sweep(nowMs: number): number {
    if (this.#askedForLifeAtMs !== null) return nowMs - this.#askedForLifeAtMs;
    if (!this.isAccepting || nowMs < this.#lifeDueAtMs) return 0;
    this.#lifeDueAtMs = nowMs + ASKING_INTERVAL_MS;
    this.#askedForLifeAtMs = nowMs;
    void this.ask("are-you-there", null).then(() => (this.#askedForLifeAtMs = null));
    return 0;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #hear(said: Said): void {
    if ("told" in said) this.#hearNews(said.told);
    else this.#waiting.get(said.id)?.(said.result);
  }

  #hearNews(news: GatewayNews): void {
    switch (news.kind) {
      case "loaded":
      case "failed":
        this.#start.resolve(news);
        break;
      case "taken-back":
        this.#events.onTakenBack(this, news.generation, news.why);
        break;
      default:
        news satisfies never;
    }
  }

  #end(how: string): void {
    this.#hasEnded = true;
    this.isAccepting = false;
    this.#askedForLifeAtMs = null;
    const why = `a gateway ${how} before it served`;
    this.#start.resolve({ kind: "failed", exitStatus: EXIT_STATUS.failure, why, details: null });
    for (const resolve of this.#waiting.values()) resolve(null);
  }
}
