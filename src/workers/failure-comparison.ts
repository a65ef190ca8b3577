/**
 * Puts requests that failed in new code to the old code as well, which is kept without traffic
 * while the new one is watched. What fails in both is no reason to go back.
 *
 * Only safe requests without content (RFC 9110 section 9.2.1): asking them twice changes nothing.
 */
import type { ApplicationRequest } from "./application-request.ts";
import type { WorkerChannel } from "./channel.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { askOnce, type ReadinessAnswer } from "./readiness-probe.ts";

/** Questions in one watch. */
const QUESTIONS_MAX = 256;
const SERVER_ERROR_MIN = 500;

export class FailureComparison {
  readonly #dispatcher: Dispatcher;
  /** Channels of the old code, whoever they are at the time. */
  readonly #channels: () => Iterable<WorkerChannel>;
  #asked = 0;
  /** One that killed a worker is run again, and may fail again: it is the same question. */
  readonly #requests = new WeakSet<ApplicationRequest>();
  #pending = 0;
  #failedToo = 0;

  constructor(dispatcher: Dispatcher, channels: () => Iterable<WorkerChannel>) {
    this.#dispatcher = dispatcher;
    this.#channels = channels;
  }

  /** Questions whose answers are not known. */
  get pending(): number {
    return this.#pending;
  }

  /** Failures that say nothing about the new code, or not yet. */
  get excused(): number {
    return this.#pending + this.#failedToo;
  }

  /** A request has failed in the new code. */
  observe(request: ApplicationRequest): void {
    if (!request.safe || request.content !== null || this.#asked >= QUESTIONS_MAX) return;
    if (this.#requests.has(request)) return;
    for (const channel of this.#channels()) {
      if (!channel.takesProbes || channel.underWay.length > 0) continue;
      this.#requests.add(request);
      this.#asked++;
      this.#pending++;
      void askOnce(this.#dispatcher, channel, request).then((answer) => {
        this.#pending--;
        if (failed(answer)) this.#failedToo++;
      });
      return;
    }
  }
}

function failed(answer: ReadinessAnswer): boolean {
  return typeof answer !== "number" || answer >= SERVER_ERROR_MIN;
}
