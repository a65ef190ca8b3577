/**
 * The token of the live page: compared in a time that does not depend on where it is wrong.
 *
 * Whoever gives a wrong one has to pause. That keeps nobody else out: many come from one address
 * (a reverse proxy, `ssh -L`, a Unix socket), so the right token is right at any time. That it is
 * not guessed is due to its length.
 *
 * Knows no socket; who asks is a text that names the other end.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../base/clock.ts";

export type TokenVerdict =
  | { readonly kind: "right" }
  | { readonly kind: "missing" }
  | { readonly kind: "wrong" }
  /** Wrong, too, and not counted: the last wrong one is too short a time ago. */
  | { readonly kind: "too-soon"; readonly waitMs: number };

interface Failures {
  readonly count: number;
  readonly nextAtMs: number;
}

const NO_FAILURES: Failures = { count: 0, nextAtMs: -Infinity };

/** After the first wrong token, and doubled with each further one. */
const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 30_000;
/** From the end of its pause until an address is as one that was never wrong. */
const FORGOTTEN_AFTER_MS = 60_000;
/** Addresses that are remembered; the one that failed longest ago is forgotten for a new one. */
const ADDRESSES_MAX = 256;

export class TokenGate {
  /** Both sides are hashed with it: they are of one length then, and nothing leaks by a prefix. */
  readonly #key = randomBytes(32);
  readonly #digest: Buffer;
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();

  constructor(token: string, clock: Clock) {
    this.#digest = this.#hash(token);
    this.#clock = clock;
  }

  /**
   * @param authorization the field of that name (RFC 6750 section 2.1)
   * @param address of the other end; "" for a Unix socket
   */
  judge(authorization: string | undefined, address: string): TokenVerdict {
    const given = /^Bearer ([!-~]{1,1024})$/i.exec(authorization ?? "")?.[1];
    if (given === undefined) return { kind: "missing" };
    if (timingSafeEqual(this.#hash(given), this.#digest)) return { kind: "right" };
    const nowMs = this.#clock.nowMs();
    const { count, nextAtMs } = this.#failures.get(address) ?? NO_FAILURES;
    if (nowMs < nextAtMs) return { kind: "too-soon", waitMs: nextAtMs - nowMs };
    this.#remember(address, nowMs < nextAtMs + FORGOTTEN_AFTER_MS ? count + 1 : 1, nowMs);
    return { kind: "wrong" };
  }

  #remember(address: string, count: number, nowMs: number): void {
    const pauseMs = Math.min(PAUSE_MIN_MS * 2 ** Math.min(count - 1, 16), PAUSE_MAX_MS);
    this.#failures.delete(address);
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined && this.#failures.size >= ADDRESSES_MAX) this.#failures.delete(oldest);
    this.#failures.set(address, { count, nextAtMs: nowMs + pauseMs });
  }

  #hash(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text).digest();
  }
}
