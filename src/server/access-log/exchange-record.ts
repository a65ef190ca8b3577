/**
 * The record of an exchange as a connection knows it. One is enough for all connections: it is
 * filled in when an exchange is over, handed to the log, and free again.
 *
 * Owns how what the log asks for is had from a head, a provenance and two endpoints. Writes
 * nothing.
 */
import { environEntries, traceEntries, withoutTrace } from "../../handlers/environ.ts";
import type { Endpoints } from "../../handlers/handler.ts";
import type { HeaderMap } from "../../handlers/header-map.ts";
import type { Provenance } from "../../handlers/provenance.ts";
import { trimOws } from "../../http/fields.ts";
import type { RequestHead } from "../../http1/request-head.ts";
import type { RequestFailure } from "../failure-answer.ts";
import type { ExchangeTrace } from "../traces/exchange-trace.ts";
import type { AccessRecord } from "./access-record.ts";
import { RepeatedParts } from "./repeated-parts.ts";

const BASIC = /^basic +([A-Za-z0-9+/=_-]+) *$/i;

export class ExchangeRecord implements AccessRecord {
  startedAtEpochMs = 0;
  status = 0;
  isAborted = false;
  failure: RequestFailure | null = null;
  requestContentBytes = 0;
  contentBytes = 0;
  durationUs = 0;
  receivedUs: number | null = null;
  answeredUs: number | null = null;
  trace: ExchangeTrace | null = null;
  queueUs: number | null = null;
  applicationUs: number | null = null;
  workerPid: number | null = null;
  generation: number | null = null;
  retries = 0;
  requestId: string | null = null;
  /**
   * The status line without its version, and the field lines, each with its CRLF (latin-1); null
   * where they were not kept, since the log does not ask for them.
   */
  responseHead: string | null = null;
  repeated: RepeatedParts = new RepeatedParts();
  #head: RequestHead | null = null;
  #provenance: Provenance | null = null;
  #endpoints: Endpoints | null = null;
  readonly #headerMap: HeaderMap;

  /** @param headerMap as the application's environ is made with */
  constructor(headerMap: HeaderMap) {
    this.#headerMap = headerMap;
  }

  /**
   * Begins anew: everything about the answer is as it is for a request that no worker had.
   *
   * @param head       null where what came was no request
   * @param provenance null likewise
   * @param repeated   the connection's own
   */
  begin(
    head: RequestHead | null,
    provenance: Provenance | null,
    endpoints: Endpoints,
    repeated: RepeatedParts,
  ): void {
    repeated.keepFor(head?.section ?? null, provenance);
    this.repeated = repeated;
    this.#head = head;
    this.#provenance = provenance;
    this.#endpoints = endpoints;
    this.receivedUs = null;
    this.answeredUs = null;
    this.trace = null;
    this.queueUs = null;
    this.applicationUs = null;
    this.workerPid = null;
    this.generation = null;
    this.retries = 0;
    this.requestId = provenance?.requestId ?? null;
    this.responseHead = null;
  }

  get method(): string | null {
    return this.#head?.method ?? null;
  }

  get target(): string | null {
    return this.#head?.rawTarget ?? null;
  }

  get path(): string | null {
    return this.#head?.path ?? null;
  }

  get query(): string | null {
    return this.#head?.query ?? null;
  }

  get protocol(): string | null {
    if (this.#head === null) return null;
    return this.#head.versionMinor === 0 ? "HTTP/1.0" : "HTTP/1.1";
  }

  get scheme(): "http" | "https" | null {
    return this.#provenance?.scheme ?? null;
  }

  get host(): string | null {
    return this.#provenance?.host ?? null;
  }

  get remoteHost(): string {
    return this.#provenance?.remoteHost ?? this.peerHost;
  }

  get peerHost(): string {
    const remote = this.#endpoints?.remote;
    return remote === undefined || remote.family === "unix" ? "" : remote.host;
  }

  /** Without a colon it is no name, and may be a secret. */
  get user(): string | null {
    const credentials = this.requestField("authorization");
    if (credentials === null) return null;
    const encoded = BASIC.exec(credentials)?.[1];
    if (encoded === undefined) return null;
    const decoded = Buffer.from(encoded, "base64").toString("latin1");
    const colon = decoded.indexOf(":");
    return colon > 0 ? decoded.slice(0, colon) : null;
  }

  requestField(name: string): string | null {
    return this.#head?.section.value(name) ?? null;
  }

  responseField(name: string): string | null {
    const values: string[] = [];
    for (const line of this.responseHead?.split("\r\n").slice(1) ?? []) {
      const colon = line.indexOf(":");
      if (colon > 0 && line.slice(0, colon).toLowerCase() === name)
        values.push(trimOws(line.slice(colon + 1)));
    }
    return values.length === 0 ? null : values.join(", ");
  }

  /** What the gateway puts into the environ, by its name; nothing that the application adds. */
  environ(name: string): string | null {
    const [head, provenance, endpoints] = [this.#head, this.#provenance, this.#endpoints];
    if (head === null || provenance === null || endpoints === null) return null;
    const { section, query, rawTarget } = head;
    const own = environEntries(section, provenance, endpoints.local, this.#headerMap);
    const entries = [
      ...(this.trace === null ? own : [...withoutTrace(own), ...traceEntries(this.trace)]),
      ["QUERY_STRING", query],
      ["RAW_URI", rawTarget],
    ] as const;
    const wanted = name.toLowerCase();
    return entries.find(([entry]) => entry.toLowerCase() === wanted)?.[1] ?? null;
  }
}
