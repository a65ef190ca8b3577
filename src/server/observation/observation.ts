/**
 * What the gateway looks like at this moment, put together when somebody looks and not before:
 * processes, sockets, connections, traffic, errors, and what has happened.
 *
 * While nobody looks there is no timer and no work, but for what is counted anyway: a few marks,
 * and the figures of exchanges where somebody else hears of these from the start. Where nobody
 * does, they begin with the first look.
 */
import type { Clock } from "../../base/clock.ts";
import type { Listener } from "../../net/transport.ts";
import { descriptorUse } from "../../os/descriptors.ts";
import type { StackAnswer } from "../../workers/worker-stack.ts";
import type { ServedConnection } from "../connection-context.ts";
import type { GatewayStatus } from "../gateway-status.ts";
import { type RankedConnections, rankConnections, withoutRanks } from "./busiest-connections.ts";
import type { ExchangeStatistics } from "./exchange-statistics.ts";
import { observeListener } from "./observed-listener.ts";
import { ObservedMarks } from "./observed-marks.ts";
import type { ObservedPart, PartWanted } from "./observed-part.ts";
import { ProcessTree } from "./process-tree.ts";
import type { RecentErrors } from "./recent-errors.ts";
import type { MarkSnapshot, Observed, Snapshot, StackResult, TrafficPoint } from "./snapshot.ts";

/** Who hears of exchanges, for whoever looks. */
export interface ObservedExchanges {
  readonly statistics: ExchangeStatistics;
  readonly errors: RecentErrors;
}

/** The part of the gateway that is looked at. */
export interface ObservedGateway {
  status(): GatewayStatus;
  readonly server: {
    readonly listeners: readonly Listener[];
    readonly connections: Iterable<ServedConnection>;
    readonly connectionCount: number;
    readonly nowMs: number;
    /** Exchanges may not be told of as long as nobody has looked. */
    tellExchanges(): void;
  };
  readonly supervisor: {
    readonly dispatcher: { readonly waiting: { readonly count: number } };
    stack(pid: number): Promise<StackAnswer>;
  };
}

/**
 * What connections have carried is counted from the look before; one that follows so soon counts
 * from the same.
 */
const NOTE_INTERVAL_MIN_MS = 500;

export class Observation implements Observed {
  /** What was asked for with `listen`. */
  readonly #backlog: number;
  readonly #gateway: ObservedGateway;
  readonly #exchanges: ObservedExchanges;
  readonly #clock: Clock;
  readonly #processes = new ProcessTree();
  readonly #marks = new ObservedMarks();
  #isMarkedElsewhere = false;
  #notedAtMs = -Infinity;

  constructor(
    gateway: ObservedGateway,
    exchanges: ObservedExchanges,
    backlog: number,
    clock: Clock,
  ) {
    this.#gateway = gateway;
    this.#exchanges = exchanges;
    this.#backlog = backlog;
    this.#clock = clock;
    exchanges.statistics.history.gauges = () => ({
      waiting: gateway.supervisor.dispatcher.waiting.count,
      connections: gateway.server.connectionCount,
    });
  }

  /** Something has happened to the server. */
  mark(kind: MarkSnapshot["kind"], text: string): void {
    if (!this.#isMarkedElsewhere) this.#marks.add(this.#clock.epochMs(), kind, text);
  }

  /** Does what is done to all gateways, and is marked by who does it. */
  withoutMark(action: () => void): void {
    this.#isMarkedElsewhere = true;
    action();
    this.#isMarkedElsewhere = false;
  }

  /** Called several times a second: what is read once a second is read when it is due. */
  sweep(): void {
    this.#exchanges.statistics.history.advance(this.#clock.epochMs());
  }

  snapshot(shownMax: number): Snapshot {
    this.#gateway.server.tellExchanges();
    const { statistics, errors } = this.#exchanges;
    const atMs = this.#clock.epochMs();
    const status = this.#gateway.status();
    return {
      atMs,
      status: withoutRequests(status),
      processes: this.#processes.look(status, this.#clock.nowMs()),
      listeners: this.#gateway.server.listeners.map((listener) =>
        observeListener(listener, this.#backlog),
      ),
      connections: withoutRanks(this.#connections(shownMax)),
      descriptors: descriptorUse(),
      latest: statistics.history.latest(atMs),
      errors: errors.latest(),
      marks: this.#marks.latest(),
    };
  }

  /** From now on what {@link Observation.part} needs is kept. */
  becomePart(): void {
    this.#exchanges.statistics.history.keepCounts();
  }

  /** What others' are added to, where this is one gateway of several. */
  part({ shownMax, fromMs, untilMs }: PartWanted): ObservedPart {
    this.#gateway.server.tellExchanges();
    const { statistics, errors } = this.#exchanges;
    const status = this.#gateway.status();
    return {
      status: withoutRequests(status),
      processes: this.#processes.look(status, this.#clock.nowMs()),
      connections: this.#connections(shownMax),
      descriptors: descriptorUse(),
      errors: errors.latest(),
      marks: this.#marks.latest(),
      seconds: statistics.history.seconds(this.#clock.epochMs(), fromMs, untilMs),
    };
  }

  history(): readonly TrafficPoint[] {
    this.#gateway.server.tellExchanges();
    return this.#exchanges.statistics.history.points(this.#clock.epochMs());
  }

  async stack(pid: number): Promise<StackResult> {
    const answer = await this.#gateway.supervisor.stack(pid);
    return answer.kind === "stack" ? { ...answer, pid } : answer;
  }

  #connections(shownMax: number): RankedConnections {
    const nowMs = this.#clock.nowMs();
    const notes = nowMs - this.#notedAtMs >= NOTE_INTERVAL_MIN_MS;
    if (notes) this.#notedAtMs = nowMs;
    const { connections } = this.#gateway.server;
    return rankConnections(connections, shownMax, this.#gateway.server.nowMs, notes);
  }
}

/** Which are among the processes, cut to a bound; a status has them whole. */
function withoutRequests(status: GatewayStatus): GatewayStatus {
  const generations = status.generations.map((generation) => ({
    ...generation,
    workers: generation.workers.map((worker) => ({ ...worker, busy: [] })),
  }));
  return { ...status, generations };
}
