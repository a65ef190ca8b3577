/**
 * A load, in one process: opens the connections, decides which sends when, and knows when it is
 * over.
 *
 * Without a rate each connection sends as soon as it has its answer (a closed loop): the server's
 * pace is the load's. With a rate, requests are due at fixed times, whatever the server does (an
 * open loop): one that finds no free connection waits for one, and that wait is part of its
 * latency. No queue is needed for them: the time of the next one follows from how many were begun.
 */
import { SystemCallError } from "../base/errors.ts";
import type { Alarm, Connector } from "../net/connector.ts";
import { Departures } from "./departures.ts";
import {
  LoadConnection,
  type LoadConnectionContext,
  type LoadConnectionOwner,
} from "./load-connection.ts";
import { dueCount, dueMs, type LoadPlan } from "./load-plan.ts";
import { Measurements } from "./measurements.ts";
import { type FailureKind, failureKind } from "./request-failure.ts";

/** What came of opening the connections. */
export interface Opening {
  readonly opened: number;
  /** Of the last one that could not be opened; null where all could. */
  readonly failure: { readonly kind: FailureKind; readonly message: string } | null;
}

/** How far it is. */
export interface LoadProgress {
  readonly elapsedMs: number;
  readonly begun: number;
  readonly answered: number;
  readonly failed: number;
  /** Requests that wait for their answer. */
  readonly waiting: number;
  /** No more requests are sent; what is under way is waited for. */
  readonly isEnding: boolean;
}

export interface LoadResult {
  readonly measurements: Measurements;
  /** How long requests were sent. */
  readonly windowMs: number;
}

/** How late a timeout may be, and the end of a pause. */
const SWEEP_INTERVAL_MS = 25;
/** After a connection could not be made: a server that is starting again is not run down. */
const RETRY_PAUSE_MS = 100;
/** Requests that are due within so short a time are sent together. */
const ALARM_MIN_MS = 0.1;
const NOT_CONNECTED: ReadonlySet<string> = new Set(["refused", "unreachable", "exhausted"]);

export class LoadRun implements LoadConnectionOwner {
  readonly #plan: LoadPlan;
  readonly #nowMs: () => number;
  readonly #measurements = new Measurements();
  readonly #departures = new Departures();
  readonly #connections: readonly LoadConnection[];
  /** For the next request that is due. */
  readonly #alarm: Alarm;
  /** For timeouts and the ends of pauses. */
  readonly #sweepAlarm: Alarm;
  /** Connections without a request, the one that has waited longest first. */
  readonly #free: LoadConnection[] = [];
  readonly #resting: { readonly connection: LoadConnection; readonly untilMs: number }[] = [];
  readonly #opening = Promise.withResolvers<Opening>();
  readonly #ended = Promise.withResolvers<LoadResult>();
  #unopened = 0;
  #openingError: Error | null = null;
  #openingUntilMs = 0;
  #phase: "new" | "opening" | "open" | "sending" | "ending" | "over" = "new";
  #startMs = 0;
  /** How many requests are due in the time there is; only with a rate. */
  #dueMax = Infinity;
  /** When sending ends, as far as it is known. */
  #untilMs = Infinity;
  #busy = 0;

  constructor(plan: LoadPlan, connector: Connector, nowMs: () => number) {
    this.#plan = plan;
    this.#nowMs = nowMs;
    this.#alarm = connector.alarm(this.#onAlarm);
    this.#sweepAlarm = connector.alarm(this.#sweep);
    const context: LoadConnectionContext = {
      plan,
      request: Buffer.from(plan.request, "latin1"),
      connector,
      measurements: this.#measurements,
      departures: this.#departures,
      owner: this,
      nowMs,
    };
    const connections = Array.from({ length: plan.connections }, () => new LoadConnection(context));
    this.#connections = connections;
  }

  /**
   * Opens all connections, so that the first requests do not pay for it.
   *
   * @bound the plan's `timeoutMs`; those that are not open by then connect with their first request
   */
  open(): Promise<Opening> {
    this.#phase = "opening";
    this.#unopened = this.#connections.length;
    this.#openingUntilMs = this.#nowMs() + this.#plan.timeoutMs;
    this.#sweepAlarm.set(SWEEP_INTERVAL_MS);
    for (const connection of this.#connections) connection.open();
    return this.#opening.promise;
  }

  /** Sends; settled when the last answer has come, or was given up. */
  start(): Promise<LoadResult> {
    this.#phase = "sending";
    this.#startMs = this.#nowMs();
    const { durationMs, arrivals } = this.#plan;
    if (durationMs !== null) this.#untilMs = this.#startMs + durationMs;
    if (durationMs !== null && arrivals !== null) this.#dueMax = dueCount(arrivals, durationMs);
    this.#free.push(...this.#connections);
    this.#send();
    return this.#ended.promise;
  }

  /** Ends it now; what is under way is cut off. */
  stop(): void {
    if (this.#phase === "opening") this.#endOpening();
    if (this.#phase !== "sending" && this.#phase !== "ending") return;
    this.#endSending(Math.min(this.#nowMs(), this.#untilMs));
    this.#finish();
  }

  progress(): LoadProgress {
    const { begun, answered } = this.#measurements.counters;
    return {
      elapsedMs: this.#startMs === 0 ? 0 : this.#nowMs() - this.#startMs,
      begun,
      answered,
      failed: this.#measurements.failed,
      waiting: this.#busy,
      isEnding: this.#phase === "ending",
    };
  }

  /** Closes everything; the connector is the owner's. */
  close(): void {
    this.#phase = "over";
    this.#alarm.close();
    this.#sweepAlarm.close();
    for (const connection of this.#connections) connection.close();
    this.#departures.closeAll();
  }

  onOpened(_connection: LoadConnection, error: Error | null): void {
    if (this.#phase !== "opening") return;
    this.#openingError = error ?? this.#openingError;
    this.#unopened--;
    if (this.#unopened === 0) this.#endOpening();
  }

  onAnswered(connection: LoadConnection, nowMs: number): void {
    this.#busy--;
    if (nowMs <= this.#untilMs) this.#measurements.counters.answeredInWindow++;
    this.#takeUp(connection, nowMs);
  }

  onFailed(connection: LoadConnection, error: Error): void {
    this.#busy--;
    const kind = failureKind(error);
    this.#measurements.addFailure(kind, error.message);
    const nowMs = this.#nowMs();
    if (!NOT_CONNECTED.has(kind)) {
      this.#takeUp(connection, nowMs);
      return;
    }
    this.#resting.push({ connection, untilMs: nowMs + RETRY_PAUSE_MS });
    this.#checkEnd(nowMs);
  }

  /** A connection is free. */
  #takeUp(connection: LoadConnection, nowMs: number): void {
    if (this.#plan.arrivals === null && this.#maySend(nowMs)) {
      this.#busy++;
      connection.send(nowMs, nowMs);
      return;
    }
    if (this.#phase === "ending") connection.close();
    else this.#free.push(connection);
    if (this.#plan.arrivals !== null) this.#send();
    this.#checkEnd(nowMs);
  }

  /** Whether there is another request to send, at its time. */
  #maySend(nowMs: number): boolean {
    const { requestsMax } = this.#plan;
    const { begun } = this.#measurements.counters;
    return (
      this.#phase === "sending" &&
      nowMs < this.#untilMs &&
      (requestsMax === null || begun < requestsMax)
    );
  }

  /** Gives the free connections what is due. */
  #send(): void {
    const { arrivals } = this.#plan;
    while (this.#free.length > 0) {
      const nowMs = this.#nowMs();
      if (!this.#maySend(nowMs)) return;
      const index = this.#measurements.counters.begun;
      const dueAtMs = arrivals === null ? nowMs : this.#startMs + dueMs(arrivals, index);
      if (index >= this.#dueMax) return;
      if (dueAtMs > nowMs) {
        this.#alarm.set(Math.max(ALARM_MIN_MS, dueAtMs - nowMs));
        return;
      }
      this.#busy++;
      this.#free.shift()?.send(dueAtMs, nowMs);
    }
  }

  readonly #onAlarm = (): void => {
    if (this.#phase === "sending") this.#send();
  };

  readonly #sweep = (): void => {
    const nowMs = this.#nowMs();
    this.#sweepAlarm.set(SWEEP_INTERVAL_MS);
    this.#departures.sweep(nowMs);
    if (this.#phase === "opening") {
      if (nowMs >= this.#openingUntilMs) this.#endOpening();
      return;
    }
    this.#giveUpLate(nowMs);
    while (this.#resting[0] !== undefined && this.#resting[0].untilMs <= nowMs) {
      const rested = this.#resting.shift();
      if (rested !== undefined) this.#takeUp(rested.connection, nowMs);
    }
    this.#checkEnd(nowMs);
  };

  #giveUpLate(nowMs: number): void {
    if (this.#busy === 0) return;
    const { timeoutMs } = this.#plan;
    for (const connection of this.#connections) {
      if (!connection.busy || nowMs - connection.begunAtMs < timeoutMs) continue;
      connection.giveUp(timedOut("answer", timeoutMs));
    }
  }

  #endOpening(): void {
    this.#phase = "open";
    if (this.#unopened > 0) {
      this.#openingError ??= timedOut("connection", this.#plan.timeoutMs);
      for (const connection of this.#connections) connection.cancelOpening();
    }
    const opened = this.#measurements.counters.connected;
    const error = this.#openingError;
    const failure = error && { kind: failureKind(error), message: error.message };
    this.#opening.resolve({ opened, failure });
  }

  #checkEnd(nowMs: number): void {
    if (this.#phase === "sending") {
      const { requestsMax } = this.#plan;
      const isAllBegun = requestsMax !== null && this.#measurements.counters.begun >= requestsMax;
      if (isAllBegun && this.#busy === 0) this.#untilMs = Math.min(this.#untilMs, nowMs);
      if (nowMs >= this.#untilMs) this.#endSending(this.#untilMs);
    }
    if (this.#phase === "ending" && this.#busy === 0) this.#finish();
  }

  #endSending(atMs: number): void {
    if (this.#phase !== "sending") return;
    this.#phase = "ending";
    this.#untilMs = atMs;
    this.#alarm.clear();
    for (const connection of this.#free.splice(0)) connection.close();
    const { arrivals, requestsMax } = this.#plan;
    const { counters } = this.#measurements;
    if (arrivals === null) return;
    const due = dueCount(arrivals, atMs - this.#startMs);
    counters.notBegun = Math.max(0, Math.min(due, requestsMax ?? Infinity) - counters.begun);
  }

  #finish(): void {
    // Both are times of a clock that counts in fractions of a microsecond.
    const windowMs = Math.round((this.#untilMs - this.#startMs) * 1_000) / 1_000;
    this.close();
    this.#ended.resolve({ measurements: this.#measurements, windowMs });
  }
}

function timedOut(what: string, timeoutMs: number): SystemCallError {
  const doing = `waiting ${timeoutMs} ms for its ${what}`;
  return new SystemCallError("ETIMEDOUT", 0, "load", doing);
}
