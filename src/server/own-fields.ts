/**
 * Fields that a response has for itself alone: what its request is called (X-Request-ID), and where
 * its time went (Server-Timing).
 *
 * Owns what they say. Must not know how they get into a head.
 */
import { randomUUID } from "node:crypto";
import type { WorkerShare } from "../workers/application-request.ts";

export interface OwnFieldSettings {
  /** Whether each response says what its request is called. */
  readonly namesRequests: boolean;
  /** Whether a response of the application says where its time went. */
  readonly tellsTimes: boolean;
}

const US_PER_MS = 1_000;

export class OwnFields {
  readonly #settings: OwnFieldSettings;
  readonly #screening: { readonly requestId: string | null };
  readonly #source: { readonly workerShare: WorkerShare | null };

  /**
   * @param screening has looked at the present request's head, if there was one
   * @param source    makes the present answer, if anybody does
   * @returns null where no response has any: then a connection needs no memory for them
   */
  static of(
    settings: OwnFieldSettings,
    screening: { readonly requestId: string | null },
    source: { readonly workerShare: WorkerShare | null },
  ): OwnFields | null {
    const isWanted = settings.namesRequests || settings.tellsTimes;
    return isWanted ? new OwnFields(settings, screening, source) : null;
  }

  private constructor(
    settings: OwnFieldSettings,
    screening: { readonly requestId: string | null },
    source: { readonly workerShare: WorkerShare | null },
  ) {
    this.#settings = settings;
    this.#screening = screening;
    this.#source = source;
  }

  /**
   * What the request is called; one that could not be read, or was not handed on, is called
   * something too. null where clients are not told.
   *
   * @param request null where it did not arrive whole
   */
  requestId(request: { readonly id: string } | null): string | null {
    if (!this.#settings.namesRequests) return null;
    return request?.id ?? this.#screening.requestId ?? randomUUID();
  }

  /**
   * `queue`: waiting for a worker, or behind others of that; `app`: the application until its head.
   * In milliseconds, as the specification has it (W3C Server Timing).
   *
   * @returns with its CRLF; "" where it is not told, or no worker made the answer
   */
  serverTimingLine(): string {
    const share = this.#settings.tellsTimes ? this.#source.workerShare : null;
    if (share === null || share.headUs === null) return "";
    const queueMs = (share.queueUs ?? 0) / US_PER_MS;
    return `Server-Timing: queue;dur=${queueMs}, app;dur=${share.headUs / US_PER_MS}\r\n`;
  }
}
