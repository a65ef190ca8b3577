/**
 * One request on its way through the workers: queued, sent to a channel, answered or given up.
 *
 * A worker knows a job by slot and generation only. When the client goes away the job stays in its
 * slot, without a sink, until the worker is done with it; when it is done the generation changes,
 * so that nothing that comes late can reach anybody.
 */
import { SlotTable } from "../base/slot-table.ts";
import {
  type AnswerFailure,
  type AnswerSink,
  type ApplicationRequest,
  type LentContent,
  lentContentOf,
  type WorkerShare,
} from "./application-request.ts";
import { INTERIM_ANSWERS_MAX, INTERIM_HEADS_MAX_BYTES } from "./protocol.ts";

/** What a job asks of the channel that it was sent to. */
export interface JobChannel {
  /** Of its worker, which says it when it is ready; null before. */
  readonly workerPid: number | null;
  readonly workerGeneration: number;
  /** What the requests that it was sent have taken in all, as an integer of 32 bits that wraps. */
  readonly workedUs: number;
  cancelJob(job: Job): void;
  pauseFor(job: Job): void;
  resumeFor(job: Job): void;
}

export type JobState = "queued" | "sent" | "done";

/** How often a request may be sent to workers that die under it. */
export const DEATHS_MAX = 2;

const US_PER_MS = 1_000;

export class Job implements WorkerShare {
  /** Its address; another one after {@link leaveStandIn}. */
  slot: number;
  generation: number;
  readonly request: ApplicationRequest;
  state: JobState = "queued";
  /** null once nobody waits for the answer. */
  sink: AnswerSink | null;
  /** Keeps the place of one that has moved to another worker; its answer is nobody's. */
  isStandIn = false;
  /** Where it was sent; kept when it is done, for whoever asks who answered. */
  channel: JobChannel | null = null;
  /**
   * Whether any part of an answer has been given to the sink: from then on it cannot be run again.
   */
  answerBegan = false;
  /** Content that is lent, and that no worker has taken yet; null where there is none such. */
  lent: LentContent | null;
  /** Whether its worker has left it, since its content did not come: it is no request yet. */
  isLeft = false;
  /** Interim answers that its present worker has sent, and the bytes of their heads. */
  #interimAnswers = 0;
  #interimHeadsBytes = 0;
  /**
   * How many workers died while it may have been running. From the first on it is sent alone, so
   * that a second one is its own doing and not its neighbour's.
   */
  deaths = 0;
  /**
   * When it was queued, and when it was last sent or heard of: monotonic ms, as coarse as the
   * dispatcher's clock.
   */
  queuedAtMs: number;
  activeAtMs: number;
  /** Time in the queue, in ms; known once it has been sent. */
  waitedMs = 0;
  headUs: number | null = null;
  applicationUs: number | null = null;
  /** Time behind other requests of its workers, but for the present one's. */
  #behindUs = 0;
  /** What the present one will have worked when it is done with what is in front; null for none. */
  #sentAtWorkedUs: number | null = null;
  /** Sent past the queue, to learn of one worker: no other is of any use. */
  readonly isProbe: boolean;
  /** It was taken back, since it stood behind a call that went on for long; now it is alone. */
  moved = false;

  constructor(
    jobs: JobTable,
    request: ApplicationRequest,
    sink: AnswerSink | null,
    nowMs: number,
    isProbe = false,
  ) {
    this.isProbe = isProbe;
    this.request = request;
    this.lent = lentContentOf(request);
    this.sink = sink;
    this.queuedAtMs = nowMs;
    this.activeAtMs = nowMs;
    this.slot = jobs.add(this);
    this.generation = jobs.generation(this.slot);
  }

  /**
   * Whether another worker may run it although the present one may do so, too. Once, and not where
   * content was handed over, of which there is one.
   */
  get mayMove(): boolean {
    const { request } = this;
    return (
      request.safe &&
      request.content === null &&
      this.sink !== null &&
      !this.answerBegan &&
      !this.moved &&
      !this.isProbe
    );
  }

  /** Whether a worker has taken content that was lent: there is none for another one. */
  get contentIsTaken(): boolean {
    return this.lent === null && lentContentOf(this.request) !== null;
  }

  /**
   * Leaves its worker, which may not know that yet. Its address stays there with a stand-in, whose
   * answer is for nobody; the job itself gets a new one.
   *
   * @param runningMs for how long the worker has been at the request in front
   */
  leaveStandIn(jobs: JobTable, runningMs: number): Job {
    this.#behindUs += Math.round(runningMs * US_PER_MS);
    const standIn = new Job(jobs, this.request, null, this.queuedAtMs);
    const { slot, generation } = standIn;
    standIn.isStandIn = true;
    standIn.slot = this.slot;
    standIn.generation = this.generation;
    standIn.state = "sent";
    this.slot = slot;
    this.generation = generation;
    this.moved = true;
    return standIn;
  }

  /**
   * Whether what becomes of it counts. A probe is the gateway's own question, and says nothing
   * about the clients' requests; one that has moved counts where it is answered, and one that was
   * left when it comes again.
   */
  get isCounted(): boolean {
    return !this.isProbe && !this.isStandIn && !this.isLeft;
  }

  get workerShare(): WorkerShare {
    return this;
  }

  get queueUs(): number | null {
    if (this.state === "queued") return null;
    return Math.round(this.waitedMs * US_PER_MS) + this.#behindUs + this.#behindPresentUs;
  }

  get workerPid(): number | null {
    return this.channel?.workerPid ?? null;
  }

  get workerGeneration(): number | null {
    return this.channel?.workerGeneration ?? null;
  }

  /** After the last of the deaths that it may have, it was not run again. */
  get retries(): number {
    return Math.min(this.deaths, DEATHS_MAX - 1);
  }

  /**
   * Is given to a worker.
   *
   * @param runningMs for how long that has been at the request in front
   */
  sendTo(channel: JobChannel, nowMs: number, runningMs: number): void {
    this.state = "sent";
    this.channel = channel;
    this.activeAtMs = nowMs;
    this.#interimAnswers = 0;
    this.#interimHeadsBytes = 0;
    this.#sentAtWorkedUs = (channel.workedUs + runningMs * US_PER_MS) | 0;
  }

  /**
   * Its worker has sent an interim answer.
   *
   * @returns whether that is within the bounds for one request
   */
  countInterim(headBytes: number): boolean {
    this.#interimAnswers++;
    this.#interimHeadsBytes += headBytes;
    return (
      this.#interimAnswers <= INTERIM_ANSWERS_MAX &&
      this.#interimHeadsBytes <= INTERIM_HEADS_MAX_BYTES
    );
  }

  /** From now on what its worker does is no wait of this one. */
  endWait(): void {
    this.#behindUs += this.#behindPresentUs;
    this.#sentAtWorkedUs = null;
  }

  /** Nobody waits for the answer any more: the client is gone. */
  cancel(): void {
    if (this.state === "done") return;
    this.sink = null;
    if (this.channel === null) return;
    this.channel.resumeFor(this);
    this.channel.cancelJob(this);
  }

  /** The receiver of the answer is full: the worker is not read from until `resume`. */
  pause(): void {
    this.channel?.pauseFor(this);
  }

  resume(): void {
    this.channel?.resumeFor(this);
  }

  /**
   * Takes the job back from a channel that is gone.
   *
   * @param wasRead whether its worker had taken it in: then it has had its turn, and its wait
   *   begins anew; else it goes on waiting
   */
  requeue(nowMs: number, wasRead: boolean): void {
    this.endWait();
    this.state = "queued";
    this.channel = null;
    if (wasRead) this.queuedAtMs = nowMs;
    else this.waitedMs = 0;
  }

  /** Ends its wait in the queue. */
  leaveQueue(nowMs: number): void {
    this.waitedMs += nowMs - this.queuedAtMs;
  }

  /** Ends the job without (the rest of) an answer. The caller takes it out of wherever it waits. */
  fail(jobs: JobTable, failure: AnswerFailure | "application-aborted"): void {
    const sink = this.sink;
    this.finish(jobs);
    sink?.onAnswerFailure(failure);
  }

  /** What runs in front may have begun a moment earlier than is known. */
  get #behindPresentUs(): number {
    if (this.#sentAtWorkedUs === null || this.channel === null) return 0;
    return Math.max((this.channel.workedUs - this.#sentAtWorkedUs) | 0, 0);
  }

  /** Ends the job; its address is void from now on. */
  finish(jobs: JobTable): void {
    this.endWait();
    this.state = "done";
    this.sink = null;
    jobs.release(this.slot, this.generation);
  }
}

/** Gives addresses out; what comes back is matched with a channel's own jobs, not looked up. */
export class JobTable extends SlotTable<Job> {}
