/**
 * First in, first out, in constant time; the one place where requests wait for a worker.
 */
import type { Job } from "./job.ts";

/** Taken places at the front are given back once there are this many. */
const COMPACT_AT = 1024;

export class JobQueue {
  #jobs: (Job | null)[] = [];
  #front = 0;

  get length(): number {
    return this.#jobs.length - this.#front;
  }

  push(job: Job): void {
    this.#jobs.push(job);
  }

  /** Puts jobs back at the front, in the order given: they have waited before. */
  putBack(jobs: readonly Job[]): void {
    this.#jobs.splice(0, this.#front, ...jobs);
    this.#front = 0;
  }

  peek(): Job | null {
    return this.#jobs[this.#front] ?? null;
  }

  /** Takes those out that nobody waits for any more. */
  dropCancelled(): Job[] {
    const cancelled: Job[] = [];
    const waiting: Job[] = [];
    for (let place = this.#front; place < this.#jobs.length; place++) {
      const job = this.#jobs[place];
      if (job === null || job === undefined) continue;
      if (job.sink === null) cancelled.push(job);
      else waiting.push(job);
    }
    this.#jobs = waiting;
    this.#front = 0;
    return cancelled;
  }

  take(): Job | null {
    const job = this.#jobs[this.#front] ?? null;
    if (job === null) return null;
    this.#jobs[this.#front++] = null;
    if (this.#front === this.#jobs.length) {
      this.#jobs = [];
      this.#front = 0;
    } else if (this.#front >= COMPACT_AT) {
      this.#jobs.splice(0, this.#front);
      this.#front = 0;
    }
    return job;
  }
}
