/**
 * Several gateways looked at as one: asks all when somebody looks, and puts what they tell beside
 * what their leader sees by itself. While nobody looks nothing is asked.
 *
 * Owns the last ten minutes of all together, as far as they were told, so that what a gateway had
 * counted stays when it is gone; and what has happened to all.
 */
import type { Clock } from "../../base/clock.ts";
import type { Listener } from "../../net/transport.ts";
import { within } from "../bounded-wait.ts";
import { SHOWN_MAX } from "../control/observe-command.ts";
import { observeListener } from "../observation/observed-listener.ts";
import { ObservedMarks } from "../observation/observed-marks.ts";
import type { ObservedPart } from "../observation/observed-part.ts";
import { ProcessTree } from "../observation/process-tree.ts";
import type {
  ListenerSnapshot,
  MarkSnapshot,
  Observed,
  Snapshot,
  StackResult,
  TrafficPoint,
} from "../observation/snapshot.ts";
import { CombinedHistory } from "./combined-history.ts";
import type { LeaderStatus } from "./combined-status.ts";
import { combinedSnapshot, type PartView } from "./combined-view.ts";
import type { GatewayProcess } from "./gateway-process.ts";

/**
 * What a gateway gets to answer. One that has not is not waited for again, and nothing more is
 * asked of it, until it does.
 */
const ANSWER_MAX_MS = 2_000;
const MS_PER_SECOND = 1_000;

export type ObservedProcess = Pick<GatewayProcess, "index" | "pid" | "isAccepting" | "ask">;

/** The part of the leader that is looked at. */
export interface ObservedLeader {
  /** Those that live. */
  gateways(): readonly ObservedProcess[];
  status(): LeaderStatus;
  /** The sockets of each address: one for each gateway, or one for all. */
  sockets(): readonly (readonly Listener[])[];
  stack(pid: number): Promise<StackResult>;
}

export class GroupObservation implements Observed {
  readonly #leader: ObservedLeader;
  /** What was asked for with `listen`. */
  readonly #backlog: number;
  readonly #clock: Clock;
  readonly #processes = new ProcessTree();
  readonly #marks = new ObservedMarks();
  readonly #history = new CombinedHistory();
  /** Until where each has told its seconds. */
  #toldUntilMs = new WeakMap<ObservedProcess, number>();
  /** Who still owes an answer. */
  readonly #asked = new WeakSet<ObservedProcess>();
  /** A look that is under way: whoever looks meanwhile gets the same. */
  #look: Promise<Snapshot> | null = null;

  constructor(leader: ObservedLeader, backlog: number, clock: Clock) {
    this.#leader = leader;
    this.#backlog = backlog;
    this.#clock = clock;
  }

  /** Something has happened to all gateways, or to one of their processes. */
  mark(kind: MarkSnapshot["kind"], text: string): void {
    this.#marks.add(this.#clock.epochMs(), kind, text);
  }

  /** Those gateways that answer within {@link ANSWER_MAX_MS}; the others are named. */
  async snapshot(shownMax: number): Promise<Snapshot> {
    this.#look ??= this.#lookAtAll().finally(() => (this.#look = null));
    const { connections, ...rest } = await this.#look;
    return {
      ...rest,
      connections: { ...connections, shown: connections.shown.slice(0, shownMax) },
    };
  }

  history(): readonly TrafficPoint[] {
    return this.#history.points();
  }

  stack(pid: number): Promise<StackResult> {
    return this.#leader.stack(pid);
  }

  async #lookAtAll(): Promise<Snapshot> {
    const untilMs = Math.floor(this.#clock.epochMs() / MS_PER_SECOND) * MS_PER_SECOND;
    if (this.#history.advance(untilMs)) this.#toldUntilMs = new WeakMap();
    const views = await Promise.all(
      this.#leader.gateways().map(async (gateway): Promise<PartView> => {
        const { index, pid, isAccepting } = gateway;
        const part = isAccepting ? await this.#ask(gateway, untilMs) : null;
        return { index, pid, part, isStarting: !isAccepting };
      }),
    );
    const status = this.#leader.status();
    const quiet = views.filter(({ part }) => part === null);
    return combinedSnapshot(
      {
        atMs: this.#clock.epochMs(),
        status,
        processes: this.#processes.lookAtLeader(
          status,
          quiet.map(({ pid, index, isStarting = false }) => {
            return { pid, number: index, state: isStarting ? "starting" : "silent" };
          }),
          views.filter(({ part }) => part !== null).map(({ pid }) => pid),
          this.#clock.nowMs(),
        ),
        listeners: this.#leader.sockets().flatMap((listeners) => this.#listenersOf(listeners)),
        marks: this.#marks.latest(),
        latest: this.#history.latest(),
      },
      views,
      SHOWN_MAX,
    );
  }

  /** @returns null where it does not answer in time; what it then tells late is not lost */
  #ask(gateway: ObservedProcess, untilMs: number): Promise<ObservedPart | null> {
    if (this.#asked.has(gateway)) return Promise.resolve(null);
    this.#asked.add(gateway);
    const toldUntilMs = this.#toldUntilMs;
    const wanted = { shownMax: SHOWN_MAX, fromMs: toldUntilMs.get(gateway) ?? 0, untilMs };
    const answer = gateway.ask("observe", wanted).then((part) => {
      this.#asked.delete(gateway);
      // Since the clock was set back, all is told once more.
      if (part === null || toldUntilMs !== this.#toldUntilMs) return part;
      toldUntilMs.set(gateway, untilMs);
      this.#history.add(part.seconds);
      return part;
    });
    return within(answer, ANSWER_MAX_MS);
  }

  #listenersOf(listeners: readonly Listener[]): ListenerSnapshot[] {
    return listeners.map((listener, gateway) => {
      const seen = observeListener(listener, this.#backlog);
      return listeners.length === 1 ? seen : { ...seen, gateway };
    });
  }
}
