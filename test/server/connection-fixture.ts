/** One connection with a played client, a played handler and a clock that the test moves. */
import { tmpdir } from "node:os";

import type { Log, LogFields } from "../../src/base/log.ts";
import { IpNetworks } from "../../src/http/ip-network.ts";
import { ProvenanceReader } from "../../src/handlers/provenance.ts";
import type { AdmissionRule } from "../../src/handlers/admission.ts";
import { ServedMethods } from "../../src/handlers/served-methods.ts";
import { SecuredTargets } from "../../src/handlers/secured-targets.ts";
import { ErrorPages } from "../../src/http/error-page.ts";
import { ResponseHeadWriter } from "../../src/http1/response.ts";
import { ownEndpoints } from "../../src/server/connection-origin.ts";
import { HeldMemory } from "../../src/server/held-memory.ts";
import type { ExchangeLogging } from "../../src/server/exchange-log.ts";
import { FailureReport } from "../../src/server/failure-report.ts";
import { HttpConnection } from "../../src/server/connection.ts";
import type {
  ConnectionContext,
  ConnectionSettings,
  ServedConnection,
} from "../../src/server/connection-context.ts";
import { IdleConnection, type IdleConnectionOwner } from "../../src/server/idle-connection.ts";
import type { ScreeningSettings } from "../../src/server/screening.ts";
import { MemoryStream } from "../net/memory-stream.ts";
import { PlayedHandler } from "./played-handler.ts";

export const SETTINGS: ConnectionSettings = {
  request: {
    requestLineLimitBytes: 200,
    headLimitBytes: 1_000,
    fieldCountMax: 20,
    fieldLimitBytes: 900,
    bodyLimitBytes: 5_000_000,
    trailerLimitBytes: 500,
    chunkExtensionLimitBytes: 100,
  },
  spool: { inlineMaxBytes: 100_000, folder: tmpdir(), namedFileFolder: () => null },
  headerTimeoutMs: 10_000,
  contentTransfer: { pauseMaxMs: 20_000, rateMinBytes: null },
  keepAliveTimeoutMs: 30_000,
  exchangeTimeoutMs: null,
  pipelinedLimitBytes: 65_536,
  namesRequests: false,
  tellsTimes: false,
  lendsContent: true,
  outlet: {
    transfer: { pauseMaxMs: 40_000, rateMinBytes: null },
    memoryMaxBytes: 1_000,
    fileMaxBytes: null,
    folder: tmpdir(),
  },
};

export const SCREENING: ScreeningSettings = {
  health: null,
  provenance: new ProvenanceReader(new IpNetworks([], false)),
  admissionRules: [new SecuredTargets(), new ServedMethods(["TRACE"])],
};

/** Keeps what was logged, one line for each record. */
export class RecordingLog implements Log {
  readonly lines: string[] = [];

  error(message: string, fields?: LogFields): void {
    this.lines.push(`error ${message} ${JSON.stringify(fields ?? {})}`);
  }

  warn(message: string, fields?: LogFields): void {
    this.lines.push(`warn ${message} ${JSON.stringify(fields ?? {})}`);
  }

  info(message: string, fields?: LogFields): void {
    this.lines.push(`info ${message} ${JSON.stringify(fields ?? {})}`);
  }

  debug(): void {}
}

export class ConnectionFixture implements ConnectionContext, IdleConnectionOwner {
  readonly settings: ConnectionSettings;
  readonly handler = new PlayedHandler();
  readonly headWriter = new ResponseHeadWriter(null);
  readonly scratch = Buffer.alloc(4_096);
  readonly heldMemory = new HeldMemory(1e9);
  readonly errorPages = new ErrorPages("text", null);
  readonly provenance = SCREENING.provenance;
  readonly health: AdmissionRule | null;
  readonly admissionRules: readonly AdmissionRule[];
  readonly log = new RecordingLog();
  readonly failures = new FailureReport(this.log);
  readonly exchangeLogging: ExchangeLogging | null;
  nowMs = 0;
  draining = false;
  readonly client = new MemoryStream();
  /** The last one; while the client is idle for long, another has its stream. */
  connection: HttpConnection;
  #served: ServedConnection;
  closedReports = 0;

  constructor(
    settings: Partial<ConnectionSettings> = {},
    admissionRules: readonly AdmissionRule[] = SCREENING.admissionRules,
    health: AdmissionRule | null = null,
    exchangeLogging: ExchangeLogging | null = null,
  ) {
    this.exchangeLogging = exchangeLogging;
    this.health = health;
    this.admissionRules = admissionRules;
    this.settings = { ...SETTINGS, ...settings };
    const { headerTimeoutMs } = this.settings;
    const idle = new IdleConnection(this, this.client, ownEndpoints(this.client), headerTimeoutMs);
    this.connection = new HttpConnection(this, idle);
    this.#served = this.connection;
  }

  onClosed(): void {
    this.closedReports++;
  }

  onRested(_connection: ServedConnection, idle: ServedConnection): void {
    this.#served = idle;
  }

  onWoken(idle: IdleConnection): HttpConnection {
    this.connection = new HttpConnection(this, idle);
    this.#served = this.connection;
    return this.connection;
  }

  /** What the client has got. */
  get received(): Buffer {
    return this.client.received;
  }

  /** What the client has got since a call of this before. */
  takeReceived(): Buffer {
    const all = this.client.received;
    const rest = all.subarray(this.#takenBytes);
    this.#takenBytes = all.length;
    return rest;
  }
  #takenBytes = 0;

  sweepAt(nowMs: number): void {
    this.nowMs = nowMs;
    this.#served.sweep();
    this.client.turn();
  }
}

/** A GET without content. */
export function get(path: string, fields = "", version = "HTTP/1.1"): string {
  return `GET ${path} ${version}\r\nHost: a\r\n${fields}\r\n`;
}

/** A POST whose content has its length declared. */
export function post(path: string, content: string, fields = ""): string {
  const length = `Content-Length: ${content.length}\r\n`;
  return `POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}${length}\r\n${content}`;
}
