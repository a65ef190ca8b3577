/**
 * `--drain-delay`: the time between saying that one will stop and stopping. Whoever sends requests
 * here (a load balancer, Kubernetes' endpoints) needs it to hear that nothing more should be sent.
 */
export class DrainDelay {
  readonly #delayMs: number | null;
  readonly #over = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | null = null;

  /** @param delayMs null for none */
  constructor(delayMs: number | null) {
    this.#delayMs = delayMs;
  }

  /** Resolves when the delay, counted from the first call, is over. */
  pass(): Promise<void> {
    if (this.#delayMs === null) this.#over.resolve();
    else this.#timer ??= setTimeout(() => this.#over.resolve(), this.#delayMs);
    return this.#over.promise;
  }

  /** Somebody is in a hurry: it is over now. Idempotent, also before it has begun. */
  skip(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#over.resolve();
  }
}
