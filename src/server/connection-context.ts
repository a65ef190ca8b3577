/**
 * What the connections of a server share, and are set up with. Holds no logic.
 */
import type { Log } from "../base/log.ts";
import type { RequestHandler } from "../handlers/handler.ts";
import type { ErrorPages } from "../http/error-page.ts";
import type { RequestLimits } from "../http1/receiver.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHeadWriter } from "../http1/response.ts";
import type { OutletSettings } from "./answer-outlet.ts";
import type { ConnectionActivity, ConnectionPhase } from "./connection-activity.ts";
import type { IntakeSettings } from "./content-intake.ts";
import type { ExchangeLogging } from "./exchange-log.ts";
import type { FailureReport } from "./failure-report.ts";
import type { HeldMemory } from "./held-memory.ts";
import type { OwnFieldSettings } from "./own-fields.ts";
import type { ScreeningSettings } from "./screening.ts";

export interface ConnectionSettings extends IntakeSettings, OwnFieldSettings {
  readonly request: RequestLimits;
  /** From the first byte of a head (or the connection's begin) to its end. */
  readonly headerTimeoutMs: number;
  /** How long an idle connection is kept; null: each answer closes its connection. */
  readonly keepAliveTimeoutMs: number | null;
  /** From a request's first byte to its answer's last; null for any time. */
  readonly exchangeTimeoutMs: number | null;
  /** Bytes that a client may send ahead while its request is being answered. */
  readonly pipelinedLimitBytes: number;
  readonly outlet: OutletSettings;
  /** Whether workers may take content off a client's socket by themselves. */
  readonly lendsContent: boolean;
}

export interface ConnectionContext extends ScreeningSettings {
  readonly settings: ConnectionSettings;
  readonly handler: RequestHandler;
  readonly headWriter: ResponseHeadWriter;
  readonly errorPages: ErrorPages;
  /** Memory in which a response is put together before it is sent. */
  readonly scratch: Buffer;
  readonly heldMemory: HeldMemory;
  readonly log: Log;
  readonly failures: FailureReport;
  /** Hears of each exchange; null where none are logged. */
  readonly exchangeLogging: ExchangeLogging | null;
  /** Monotonic ms. Between two sweeps the time of the next one, so that no deadline comes early. */
  readonly nowMs: number;
  /** The server is being stopped: answers close their connections. */
  readonly draining: boolean;
  onClosed(connection: ServedConnection): void;
  /** It has had nothing to do for a while, and an idle one has taken its stream back. */
  onRested(connection: ServedConnection, idle: ServedConnection): void;
}

/** What a server does with its connections, whatever they wait for. */
export interface ServedConnection {
  readonly phase: ConnectionPhase;
  readonly activity: ConnectionActivity;
  /** Of the request that is under way; null while there is none. */
  readonly head: RequestHead | null;
  /**
   * Whether nothing is under way: it can be closed without harm to anybody. What was written in
   * this turn leaves first.
   */
  isIdle(): boolean;
  /** Ends what has taken too long. Called several times a second. */
  sweep(): void;
  close(): void;
}
