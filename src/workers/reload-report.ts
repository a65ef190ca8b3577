/**
 * How it is told what becomes of a reload: as lines of the log, or however else those want it who
 * brought the supervisor up. Knows nothing of how a reload is done.
 */
import type { Log } from "../base/log.ts";

export interface ReloadReport {
  /** A new generation is being imported. */
  begun(generation: number): void;
  /**
   * It has the traffic.
   *
   * @param kind of the application, for people: `Flask`, `Django`, ...
   * @param tookMs since it was begun
   */
  served(generation: number, kind: string, tookMs: number): void;
  /**
   * It is not fit to serve.
   *
   * @param serving the generation that goes on instead; null where there is none
   * @param details a traceback; null where there is none
   */
  failed(generation: number, serving: number | null, why: string, details: string | null): void;
}

/** For a site that people use: the code that serves goes on, whatever becomes of the new one. */
export class LoggedReloads implements ReloadReport {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  begun(generation: number): void {
    this.#log.info("a new generation is being made ready", { generation });
  }

  served(generation: number, kind: string, tookMs: number): void {
    this.#log.info("the new generation serves", { generation, kind, tookMs });
  }

  failed(generation: number, serving: number | null, why: string, details: string | null): void {
    this.#log.error(
      "the new generation is not fit to serve, so the old one goes on",
      { generation, serving, why },
      details,
    );
  }
}
