/**
 * Requests that wait for something to come true, each for a bounded time: for the newest code, or
 * for news about it. Knows nothing of what is done with them afterwards.
 */
import type { WorkerShare } from "../../workers/application-request.ts";
import type { PendingAnswer } from "../handler.ts";

/**
 * What becomes of a request when its wait is over.
 *
 * @returns the answer that is being made then; null where it has been given
 */
export type AfterWait = () => PendingAnswer | null;

export class HeldRequests {
  readonly #boundMs: number;
  readonly #countMax: number;
  readonly #held = new Set<HeldRequest>();

  constructor(boundMs: number, countMax: number) {
    this.#boundMs = boundMs;
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#held.size;
  }

  /** @returns null where so many wait that one more may not */
  hold(afterWait: AfterWait): PendingAnswer | null {
    if (this.#held.size >= this.#countMax) return null;
    const request: HeldRequest = new HeldRequest(this.#boundMs, (isWanted) => {
      this.#held.delete(request);
      return isWanted ? afterWait() : null;
    });
    this.#held.add(request);
    return request;
  }

  /** What they wait for is there: in the order in which they came. */
  releaseAll(): void {
    for (const request of this.#held) request.release();
  }
}

class HeldRequest implements PendingAnswer {
  /** Called once, and told whether anybody still waits for the answer. */
  #end: ((isWanted: boolean) => PendingAnswer | null) | null;
  readonly #timer: NodeJS.Timeout;
  #successor: PendingAnswer | null = null;

  constructor(boundMs: number, end: (isWanted: boolean) => PendingAnswer | null) {
    this.#end = end;
    this.#timer = setTimeout(() => this.#over(true), boundMs);
  }

  /** Until its wait is over no worker is asked. */
  get workerShare(): WorkerShare | null {
    return this.#successor?.workerShare ?? null;
  }

  release(): void {
    this.#over(true);
  }

  cancel(): void {
    this.#successor?.cancel();
    this.#over(false);
  }

  /** Before its wait is over there is nothing to be stopped. */
  pause(): void {
    this.#successor?.pause();
  }

  resume(): void {
    this.#successor?.resume();
  }

  #over(isWanted: boolean): void {
    clearTimeout(this.#timer);
    const end = this.#end;
    this.#end = null;
    if (end !== null) this.#successor = end(isWanted);
  }
}
