/** A dispatcher with played workers, a clock that the test moves, and turns that the test ends. */
import assert from "node:assert/strict";

import type { ApplicationRequest } from "../../src/workers/application-request.ts";
import type { WorkerChannel } from "../../src/workers/channel.ts";
import type { ChannelSettings } from "../../src/workers/channel-settings.ts";
import {
  Dispatcher,
  type DispatcherEvents,
  type DispatcherLimits,
} from "../../src/workers/dispatcher.ts";
import type { Job } from "../../src/workers/job.ts";
import type { DescriptorPassage } from "../../src/workers/request-batch.ts";
import type { WorkerReport } from "../../src/workers/worker-report.ts";
import { plainSettings } from "./channel-fixture.ts";
import { FakeWorker, readyFrame, responseFrame } from "./fake-worker.ts";
import { RecordingSink } from "./recording-sink.ts";
import { makeRequest } from "./request.ts";

const NO_PASSAGE: DescriptorPassage = {
  passFile: () => null,
  passSocket: () => {},
  passContentSocket: () => {},
};

const PROGRESS_DESCRIPTOR = 9;

export const LIMITS: DispatcherLimits = {
  queueLengthMax: 100,
  queueTimeoutMs: 10_000,
  timeoutMs: 30_000,
};

export interface Submitted {
  readonly sink: RecordingSink;
  readonly job: Job;
}

export class DispatcherFixture implements DispatcherEvents {
  readonly dispatcher: Dispatcher;
  nowMs = 0;
  /** Requests that timed out, by path. */
  readonly timedOut: string[] = [];
  readonly closed: { readonly lost: string | null; readonly error: Error | null }[] = [];
  readonly channels = new Map<FakeWorker, WorkerChannel>();
  /** Those that have been sent as many requests as they were to be told of. */
  readonly reached: WorkerChannel[] = [];
  readonly reports: WorkerReport[] = [];
  /** Those that failed in a worker, by path. */
  readonly requestsFailed: string[] = [];
  onRequestsReached = (channel: WorkerChannel): void => void this.reached.push(channel);
  #turnEndTasks: (() => void)[] = [];
  #timers: { readonly atMs: number; readonly task: () => void }[] = [];

  constructor(limits: Partial<DispatcherLimits> = {}) {
    this.dispatcher = new Dispatcher(
      { ...LIMITS, ...limits },
      this,
      () => this.nowMs,
      (task) => void this.#turnEndTasks.push(task),
      (delayMs, task) => void this.#timers.push({ atMs: this.nowMs + delayMs, task }),
    );
  }

  onChannelReady(): void {}

  onTimedOut(_channel: WorkerChannel, job: Job): void {
    this.timedOut.push(job.request.describe());
  }

  onChannelClosed(_channel: WorkerChannel, lost: Job | null, error: Error | null): void {
    this.closed.push({ lost: lost === null ? null : lost.request.describe(), error });
  }

  onRequestFailed(_channel: WorkerChannel, request: ApplicationRequest): void {
    this.requestsFailed.push(request.describe());
  }

  onReport(_channel: WorkerChannel, report: WorkerReport): void {
    this.reports.push(report);
  }

  /** Lets time pass, and runs what waits for it. */
  pass(timeMs: number): void {
    const endMs = this.nowMs + timeMs;
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= endMs);
      const [next] = due.toSorted((one, other) => one.atMs - other.atMs);
      if (next === undefined) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.nowMs = next.atMs;
      next.task();
      this.endTurn();
    }
    this.nowMs = endMs;
  }

  endTurn(): void {
    while (this.#turnEndTasks.length > 0) {
      for (const task of this.#turnEndTasks.splice(0)) task();
    }
  }

  addWorker(settings: Partial<ChannelSettings> = {}, resting = false): FakeWorker {
    const worker = this.addStartingWorker(settings, resting);
    worker.send(readyFrame(1, settings.openProgress === undefined ? 0 : PROGRESS_DESCRIPTOR));
    this.endTurn();
    return worker;
  }

  addStartingWorker(settings: Partial<ChannelSettings> = {}, resting = false): FakeWorker {
    const worker = new FakeWorker();
    const { stream } = worker;
    this.channels.set(
      worker,
      this.dispatcher.addChannel(stream, NO_PASSAGE, plainSettings(settings), resting),
    );
    return worker;
  }

  /** The channels of one worker with threads: they share its load. */
  addThreads(count: number, resting = false): FakeWorker[] {
    const load = { busyChannels: 0 };
    return Array.from({ length: count }, () => this.addWorker({ load, depthMax: 1 }, resting));
  }

  channelOf(worker: FakeWorker): WorkerChannel {
    const channel = this.channels.get(worker);
    assert.ok(channel !== undefined, "the worker has a channel");
    return channel;
  }

  /** Submits within the present turn. */
  submit(request: string | ApplicationRequest): Submitted {
    const made = typeof request === "string" ? makeRequest(request) : request;
    const sink = new RecordingSink();
    const job = this.dispatcher.submit(made, sink);
    assert.ok(job !== null, "the queue has room");
    return { sink, job };
  }

  /** Submits in one turn. */
  submitAll(...requests: (string | ApplicationRequest)[]): Submitted[] {
    const submitted = requests.map((request) => this.submit(request));
    this.endTurn();
    return submitted;
  }

  /** Asks one worker, within the present turn. */
  probe(worker: FakeWorker, request: string | ApplicationRequest): Submitted {
    const made = typeof request === "string" ? makeRequest(request) : request;
    const sink = new RecordingSink();
    return { sink, job: this.dispatcher.probe(this.channelOf(worker), made, sink) };
  }

  /** Whether a request is refused at once. Where it is not, it stays. */
  refuses(request: string | ApplicationRequest): boolean {
    const made = typeof request === "string" ? makeRequest(request) : request;
    return this.dispatcher.submit(made, new RecordingSink()) === null;
  }

  /** The worker answers its request with that place. */
  answer(worker: FakeWorker, place: number, elapsedUs = 100): void {
    worker.send(responseFrame(worker.request(place), "done", elapsedUs));
    this.endTurn();
  }

  /** The worker dies. What it had sent is read first; while reading is paused, that waits. */
  kill(worker: FakeWorker): void {
    worker.stream.deliverEnd();
    this.endTurn();
  }

  /** The worker dies, and what it had sent and was not read yet is lost. */
  lose(worker: FakeWorker): void {
    worker.stream.break(new Error("send: EPIPE"));
    this.endTurn();
  }

  sweepAt(nowMs: number): void {
    this.nowMs = nowMs;
    this.dispatcher.sweep();
    this.endTurn();
  }

  /** Has the dispatcher learn that answers take microseconds, so that it forms batches. */
  learnQuick(worker: FakeWorker): void {
    const before = worker.requests.length;
    for (let place = before; place < before + 400; place++) {
      this.submitAll("/quick");
      this.answer(worker, place, 5);
    }
  }
}

/** The paths of what a worker was sent, from one place on. */
export function pathsFrom(worker: FakeWorker, place = 0): string[] {
  return worker.requests.slice(place).map(({ path }) => path);
}
