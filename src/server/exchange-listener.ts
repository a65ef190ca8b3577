/**
 * Whoever hears of each exchange when it is over: the access log, figures, traces. Holds no logic
 * beyond telling them all.
 */
import type { AccessRecord } from "./access-log/access-record.ts";

export interface ExchangeListener {
  /** Whether records are asked for fields of the answer, whose heads then have to be kept. */
  readonly readsResponseFields: boolean;
  /**
   * An exchange is over. Not told of health answers. The record is valid during the call only; the
   * call must not throw.
   */
  add(record: AccessRecord): void;
  /** There are no more exchanges: what waits to be sent somewhere is sent, within a bound. */
  finish?(): Promise<void>;
}

/** Several as one, told in this order. */
export class ExchangeListeners implements ExchangeListener {
  readonly readsResponseFields: boolean;
  readonly #listeners: readonly ExchangeListener[];

  constructor(listeners: readonly ExchangeListener[]) {
    this.#listeners = listeners;
    this.readsResponseFields = listeners.some(({ readsResponseFields }) => readsResponseFields);
  }

  add(record: AccessRecord): void {
    for (let index = 0; index < this.#listeners.length; index++) {
      (this.#listeners[index] as ExchangeListener).add(record);
    }
  }

  async finish(): Promise<void> {
    await Promise.all(this.#listeners.map(async (listener) => listener.finish?.()));
  }
}
