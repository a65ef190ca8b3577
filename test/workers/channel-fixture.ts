/** A channel between a played worker and an owner that only writes down what it is told. */
import { WorkerChannel } from "../../src/workers/channel.ts";
import type { ChannelSettings } from "../../src/workers/channel-settings.ts";
import type { ChannelOwner } from "../../src/workers/channel-owner.ts";
import type { ApplicationRequest } from "../../src/workers/application-request.ts";
import { Job, JobTable } from "../../src/workers/job.ts";
import type { DescriptorPassage } from "../../src/workers/request-batch.ts";
import { openProgress } from "../../src/workers/worker-progress.ts";
import type { WorkerReport } from "../../src/workers/worker-report.ts";
import { FakeWorker, readyFrame } from "./fake-worker.ts";
import { RecordingSink } from "./recording-sink.ts";
import { makeRequest } from "./request.ts";

export const WORKER_PID = 4711;

export interface ClosedChannel {
  readonly unanswered: readonly Job[];
  readonly unsentCount: number;
  readonly error: Error | null;
}

/** Of a worker with one channel, without any bound. */
export function plainSettings(other: Partial<ChannelSettings> = {}): ChannelSettings {
  return {
    load: { busyChannels: 0 },
    generation: 1,
    depthMax: null,
    requestsMax: null,
    recycleAfter: null,
    openProgress,
    ...other,
  };
}

export class ChannelFixture implements ChannelOwner, DescriptorPassage {
  readonly jobs = new JobTable();
  nowMs = 0;
  readonly worker = new FakeWorker();
  readonly channel: WorkerChannel;
  readonly readyPids: number[] = [];
  readonly elapsedUs: number[] = [];
  /** How often a flush was asked for. */
  flushesScheduled = 0;
  /** Descriptors, in order. */
  readonly passedFiles: number[] = [];
  /** What the worker was lent; null for each time that it got nothing. */
  readonly passedSockets: (number | null)[] = [];
  /** Of these, those to which content has to leave in chunks. */
  readonly chunkedSockets: (number | null)[] = [];
  readonly passedContentSockets: (number | null)[] = [];
  /** What the link says to a file that is passed: a path, or null for a descriptor. */
  filePath: string | null = null;
  closed: ClosedChannel | null = null;
  /** How many requests had been sent when it was told that enough had been. */
  readonly reachedAt: number[] = [];
  readonly reports: WorkerReport[] = [];
  readonly settings: ChannelSettings;

  constructor(other: Partial<ChannelSettings> = {}) {
    this.settings = plainSettings(other);
    this.channel = new WorkerChannel(this, 0, this.worker.stream, this, this.settings, false);
  }

  /** With a worker that has said that it is ready. */
  static ready(other: Partial<ChannelSettings> = {}): ChannelFixture {
    const fixture = new ChannelFixture(other);
    fixture.worker.send(readyFrame(WORKER_PID));
    return fixture;
  }

  passFile({ descriptor }: { readonly descriptor: number }): string | null {
    this.passedFiles.push(descriptor);
    return this.filePath;
  }

  passSocket(descriptor: number | null, isChunked: boolean): void {
    this.passedSockets.push(descriptor);
    if (isChunked) this.chunkedSockets.push(descriptor);
  }

  passContentSocket(descriptor: number | null): void {
    this.passedContentSockets.push(descriptor);
  }

  scheduleFlush(): void {
    this.flushesScheduled++;
  }

  onReady(_channel: WorkerChannel, pid: number): void {
    this.readyPids.push(pid);
  }

  onAnswered(_channel: WorkerChannel, elapsedUs: number): void {
    this.elapsedUs.push(elapsedUs);
  }

  onRequestFailed(): void {}

  onRoom(): void {}

  onRequestsReached(channel: WorkerChannel): void {
    this.reachedAt.push(channel.requestsTaken);
  }

  onReport(_channel: WorkerChannel, report: WorkerReport): void {
    this.reports.push(report);
  }

  onChannelClosed(
    _channel: WorkerChannel,
    unanswered: readonly Job[],
    unsentCount: number,
    error: Error | null,
  ): void {
    this.closed = { unanswered, unsentCount, error };
  }

  /** Sends requests in one batch, and returns their jobs. */
  send(...requests: (string | ApplicationRequest)[]): SentJob[] {
    const jobs = requests.map((request) => {
      const made = typeof request === "string" ? makeRequest(request) : request;
      const sink = new RecordingSink();
      const job = new Job(this.jobs, made, sink, this.nowMs);
      this.channel.send(job);
      // The job forgets its sink and its state when it is over; its address stays.
      return { job, sink, slot: job.slot, generation: job.generation };
    });
    this.channel.flush();
    return jobs;
  }

  sendOne(request: string | ApplicationRequest): SentJob {
    return this.send(request)[0] as SentJob;
  }
}

export interface SentJob {
  readonly job: Job;
  readonly sink: RecordingSink;
  readonly slot: number;
  readonly generation: number;
}
