/**
 * A worker as the gateway, its grandparent, sees it. Owns what is known of one worker; decides
 * nothing.
 */
import type { WorkerLink } from "../net/transport.ts";
import type { WorkerChannel } from "./channel.ts";
import type { WorkerLoad } from "./channel-settings.ts";
import type { RestartCause } from "./worker-end.ts";
import { nextWorkerState, type WorkerEvent, type WorkerState } from "./worker-state.ts";

export class WorkerHandle {
  readonly number: number;
  readonly bornAtMs: number;
  /** When another is to take its place; null for never. */
  readonly expiresAtMs: number | null;
  /** One for each channel. */
  readonly links: readonly WorkerLink[];
  readonly load: WorkerLoad = { busyChannels: 0 };
  /** Those that exist already: a worker comes to life channel by channel. */
  readonly channels: WorkerChannel[] = [];
  state: WorkerState = "starting";
  /** null until its parent has said it. */
  pid: number | null = null;
  #readyCount = 0;
  /** Why it is being ended or replaced, for the log; null where it ends by itself. */
  reason: string | null = null;
  /** The same, for figures; null likewise. */
  cause: RestartCause | null = null;
  /** Whether it ends because we want it to: then nobody needs to hear of it. */
  asked = false;
  /** Since when it gets no more requests, whatever it still has; null while it does. */
  outSinceMs: number | null = null;
  /** Whether `--drain-timeout` has ended what it was answering. */
  isCutOff = false;
  /** When a worker that was asked to end is killed; null where it was not asked. */
  killAtMs: number | null = null;
  /** When it was sent SIGKILL for the first time. */
  killedAtMs: number | null = null;

  constructor(
    number: number,
    links: readonly WorkerLink[],
    bornAtMs: number,
    expiresAtMs: number | null,
  ) {
    this.number = number;
    this.links = links;
    this.bornAtMs = bornAtMs;
    this.expiresAtMs = expiresAtMs;
  }

  /** @throws where the event is impossible in its present state */
  take(event: WorkerEvent): void {
    this.state = nextWorkerState(this.state, event);
  }

  /** It gets no more requests. Idempotent. */
  takeOut(nowMs: number): void {
    this.take("taken-out");
    this.outSinceMs ??= nowMs;
  }

  /** One more of its channels said that it is ready. @returns whether all have now */
  channelIsReady(): boolean {
    return ++this.#readyCount === this.links.length;
  }

  /** Requests that it was ever sent. */
  get requestsTaken(): number {
    return this.channels.reduce((sum, channel) => sum + channel.requestsTaken, 0);
  }

  /**
   * Whether it has a request under way that it may still answer: not what stands behind a call that
   * took too long.
   */
  get busy(): boolean {
    return this.channels.some(({ underWay, forsaken }) => underWay.length > 0 && !forsaken);
  }

  /** Whether it counts as one of those that are there to take requests, now or soon. */
  get isInService(): boolean {
    return this.state === "starting" || this.state === "ready";
  }

  /** Whether it has been answering for longer than `boundMs` since it got its last request. */
  isOverdue(nowMs: number, boundMs: number | null): boolean {
    if (boundMs === null || this.outSinceMs === null) return false;
    return nowMs - this.outSinceMs > boundMs && this.busy;
  }

  /**
   * Cuts off what it is answering. Its next word finds the channel closed: then the application's
   * generator is closed, and its atexit functions run.
   */
  cutOff(): void {
    this.isCutOff = true;
    for (const channel of this.channels) channel.close();
  }

  closeLinks(): void {
    for (const link of this.links) link.close();
  }
}
