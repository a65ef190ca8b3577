/**
 * Who makes the present answer of a connection, and whether that one has been told to wait because
 * the client has too much to take already. Knows no stream and no answer.
 */
import type { PendingAnswer } from "../handlers/handler.ts";
import type { WorkerShare } from "../workers/application-request.ts";

export class AnswerSource {
  #pending: PendingAnswer | null = null;
  #paused = false;

  /** Whether somebody makes an answer. */
  get isMaking(): boolean {
    return this.#pending !== null;
  }

  /** Whether more of it may come at any time. */
  get isFlowing(): boolean {
    return this.#pending !== null && !this.#paused;
  }

  /** Whether there is nobody yet to make it: the request waits for a worker. */
  get isWaiting(): boolean {
    return this.#pending?.workerShare?.queueUs === null;
  }

  /** What a worker has had to do with it so far; null where none was asked. */
  get workerShare(): WorkerShare | null {
    return this.#pending?.workerShare ?? null;
  }

  begin(pending: PendingAnswer): void {
    this.#pending = pending;
  }

  /** The answer is there, or there will be none. */
  end(): void {
    this.#pending = null;
    this.#paused = false;
  }

  /** Nobody waits for the answer any more. */
  cancel(): void {
    this.#pending?.cancel();
    this.end();
  }

  pause(): void {
    this.#paused = true;
    this.#pending?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#pending?.resume();
  }
}
