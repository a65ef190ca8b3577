/**
 * A gateway that is one of several: does what its leader asks, and tells it what happens. Its end
 * is the leader's end too, or the leader's wish.
 */
import { EXIT_STATUS, type ExitStatus } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Transport } from "../../net/transport.ts";
import { type FileIdentity, removeIfSame } from "../../net/unix-socket-file.ts";
import type { ReloadStatus } from "../../workers/supervisor-status.ts";
import type { Gateway } from "../gateway.ts";
import type {
  Ask,
  GatewayOffer,
  PrepareOutcome,
  Question,
  Questions,
  Said,
} from "./gateway-messages.ts";
import type { LedSurroundings } from "./led-surroundings.ts";
import type { MessageStream } from "./message-stream.ts";

export interface LedGatewayActions {
  readonly backlog: number;
  /** Opens the log files anew. */
  reopenLogs(): void;
  exit(status: ExitStatus): void;
}

/** How often it is looked whether new code was taken back. */
const LOOK_INTERVAL_MS = 100;

type Answers = { readonly [Q in Question]: (args: Questions[Q][0]) => MaybeLater<Questions[Q][1]> };
type MaybeLater<Result> = Result | Promise<Result>;

export class LedGateway {
  readonly #gateway: Gateway;
  readonly #transport: Transport;
  readonly #surroundings: LedSurroundings;
  readonly #leader: MessageStream<Ask>;
  readonly #actions: LedGatewayActions;
  readonly #log: Log;
  readonly #answers: Answers;
  #files: readonly FileIdentity[];
  #decide: ((objection: string | null) => void) | null = null;
  #reloading: Promise<void> | null = null;
  #lastReload: ReloadStatus | null = null;

  constructor(
    gateway: Gateway,
    transport: Transport,
    surroundings: LedSurroundings,
    offer: GatewayOffer,
    leader: MessageStream<Ask>,
    actions: LedGatewayActions,
    log: Log,
  ) {
    this.#gateway = gateway;
    this.#transport = transport;
    this.#surroundings = surroundings;
    this.#leader = leader;
    this.#actions = actions;
    this.#log = log;
    this.#files = offer.files;
    gateway.observation.becomePart();
    this.#answers = this.#answersOf();
  }

  /**
   * Serves until the leader says otherwise.
   *
   * @throws {OperatorError} as {@link Gateway.start}
   */
  async run(): Promise<void> {
    this.#leader.listen((ask) => this.#hear(ask));
    void this.#leader.closed.then(() => this.#onLeaderGone());
    void this.#surroundings.loaded.then((application) => {
      this.#gateway.server.reserves.push(...this.#surroundings.reserves);
      this.#say({ told: { kind: "loaded", application } });
    });
    await this.#gateway.start().catch((error: unknown) => {
      if (!this.#gateway.stopping) throw error;
    });
    setInterval(() => this.#lookForTakenBack(), LOOK_INTERVAL_MS).unref();
  }

  /** Our own mistake: what is under way is lost, and what waits is left to the other gateways. */
  async fail(): Promise<void> {
    await this.#stopNow();
    this.#actions.exit(EXIT_STATUS.failure);
  }

  #hear({ id, command, arguments: args }: Ask): void {
    const answer = this.#answers[command] as (args: unknown) => unknown;
    void Promise.resolve(answer(args)).then((result) => this.#say({ id, result }));
  }

  #answersOf(): Answers {
    const gateway = this.#gateway;
    const surroundings = this.#surroundings;
    return {
      accept: async () => {
        surroundings.permit();
        await surroundings.serving;
        return null;
      },
      "are-you-there": () => null,
      status: () => gateway.status(),
      metrics: () => this.#look(() => gateway.metrics?.tell() ?? []),
      observe: (wanted) => this.#look(() => gateway.observation.part(wanted)),
      stack: ({ pid }) => this.#look(() => gateway.stack(pid)),
      prepare: ({ generation }) => this.#prepare(generation),
      decide: async ({ objection }) => {
        this.#decide?.(objection);
        this.#decide = null;
        await this.#reloading;
        return null;
      },
      "take-back": ({ generation, why }) => {
        gateway.supervisor.takeBack(generation, `in another gateway: ${why}`);
        return null;
      },
      scale: (range) => {
        gateway.observation.withoutMark(() => gateway.scale(range));
        return null;
      },
      "reopen-logs": () => {
        this.#actions.reopenLogs();
        return null;
      },
      inherit: ({ files }) => {
        this.#files = files;
        return null;
      },
      "stand-in": ({ owner }) => this.#standIn(owner),
      "stand-down": ({ owner }) => {
        surroundings.standDown(owner);
        return null;
      },
      stop: ({ waits }) => {
        if (!waits) gateway.skipDrainDelay();
        void this.#stop();
        return null;
      },
      hurry: () => {
        gateway.skipDrainDelay();
        return null;
      },
      "stop-now": () => {
        void this.#stopNow().then(() => this.#actions.exit(EXIT_STATUS.clean));
        return null;
      },
    };
  }

  /** Settled when the new code is ready, or has failed; the reload itself waits for `decide`. */
  async #prepare(generation: number): Promise<PrepareOutcome> {
    const ready = Promise.withResolvers<PrepareOutcome>();
    const consent = (): Promise<string | null> => {
      ready.resolve({ kind: "ready" });
      return new Promise((resolve) => (this.#decide = resolve));
    };
    this.#reloading = this.#gateway.reload({ generation, consent }).then((outcome) => {
      if (outcome.kind !== "serving") ready.resolve(outcome);
    });
    return ready.promise;
  }

  async #standIn(owner: number): Promise<null> {
    if (this.#gateway.stopping) return null;
    const listeners = await this.#surroundings.standIn(
      owner,
      this.#transport,
      this.#actions.backlog,
    );
    for (const listener of listeners) this.#gateway.server.acceptFrom(listener);
    return null;
  }

  /** A look at this gateway that fails ends nothing. */
  async #look<Seen>(look: () => MaybeLater<Seen>): Promise<Seen | null> {
    try {
      return await look();
    } catch (error) {
      this.#log.error("this gateway cannot be looked at", { cause: String(error) });
      return null;
    }
  }

  #lookForTakenBack(): void {
    const { lastReload } = this.#gateway.supervisor;
    if (lastReload === this.#lastReload) return;
    this.#lastReload = lastReload;
    if (lastReload?.outcome !== "rolled-back") return;
    const { generation, why } = lastReload;
    this.#say({ told: { kind: "taken-back", generation, why: why ?? "it failed" } });
  }

  #say(said: Said): void {
    this.#leader.say(said);
  }

  async #stop(): Promise<void> {
    if (this.#gateway.state === "starting") {
      await this.#stopNow();
    } else {
      this.#surroundings.takeWhatWaits(true);
      await this.#gateway.stop();
    }
    this.#actions.exit(EXIT_STATUS.clean);
  }

  async #stopNow(): Promise<void> {
    this.#surroundings.takeWhatWaits(false);
    await this.#gateway.stopNow();
  }

  /** It was killed: nobody replaces what ends from now on, so everything is brought to its end. */
  #onLeaderGone(): void {
    if (!this.#gateway.stopping) this.#log.error("the leader is gone; this gateway ends");
    for (const file of this.#files) removeIfSame(file);
    this.#gateway.skipDrainDelay();
    void this.#stop();
  }
}
