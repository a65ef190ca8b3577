/** A channel between a played worker and an owner that only writes down what it is told. */
import { type ChannelOwner, WorkerChannel } from "../../src/workers/channel.ts";
import type { ApplicationRequest, SpooledContent } from "../../src/workers/application-request.ts";
import { Job, JobTable } from "../../src/workers/job.ts";
import { FakeWorker, readyFrame } from "./fake-worker.ts";
import { RecordingSink } from "./recording-sink.ts";
import { makeRequest } from "./request.ts";

export const WORKER_PID = 4711;

export interface ClosedChannel {
  readonly unanswered: readonly Job[];
  readonly unsentCount: number;
  readonly error: Error | null;
}

export class ChannelFixture implements ChannelOwner {
  readonly jobs = new JobTable();
  nowMs = 0;
  readonly worker = new FakeWorker();
  readonly channel: WorkerChannel;
  readonly readyPids: number[] = [];
  readonly elapsedUs: number[] = [];
  /** How often a flush was asked for. */
  flushesScheduled = 0;
  readonly passedFiles: SpooledContent[] = [];
  /** What the link says to a file that is passed: a path, or null for a descriptor. */
  filePath: string | null = null;
  closed: ClosedChannel | null = null;

  constructor() {
    this.channel = new WorkerChannel(this, 0, this.worker.stream, (file) => {
      this.passedFiles.push(file);
      return this.filePath;
    });
  }

  /** With a worker that has said that it is ready. */
  static ready(): ChannelFixture {
    const fixture = new ChannelFixture();
    fixture.worker.send(readyFrame(WORKER_PID));
    return fixture;
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
