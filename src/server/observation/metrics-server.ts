/**
 * Metrics at an address of their own: the gateway's own HTTP with other bounds and one handler, and
 * a socket that goes to a successor with those of the site. Knows no figure, nor whose they are.
 */
import type { Clock } from "../../base/clock.ts";
import { OperatorError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { BindAddress } from "../../net/bind-address.ts";
import type { Listener, Transport } from "../../net/transport.ts";
import { formatAddress } from "../../os/socket-address.ts";
import { HttpServer, type HttpServerSettings } from "../http-server.ts";
import { pageUrl } from "../listening-url.ts";
import type { ListeningPlace } from "../takeover.ts";
import { MetricsHandler } from "./metrics-handler.ts";
import type { MetricsText } from "./metrics-text.ts";

/** Where they are at that address. */
export const METRICS_PATH = "/metrics";

/** Whoever scrapes has one connection, and seldom two. */
const CONNECTIONS_MAX = 64;
const BACKLOG = 64;
/** From one scrape to the next it is a minute at most, mostly. */
const KEEP_ALIVE_MS = 65_000;
const HEADER_TIMEOUT_MS = 5_000;
const CONTENT_MAX_BYTES = 0;

/** What the server of the site has that this one has too. */
export type MetricsHttpSettings = Omit<HttpServerSettings, "admissionRules" | "exchangeLogging">;

export class MetricsServer {
  readonly #bind: BindAddress;
  readonly #server: HttpServer;
  readonly #log: Log;

  constructor(
    bind: BindAddress,
    text: MetricsText,
    transport: Transport,
    http: MetricsHttpSettings,
    log: Log,
    clock: Clock,
  ) {
    this.#bind = bind;
    this.#log = log;
    const handler = new MetricsHandler(METRICS_PATH, text, null, () => clock.nowMs(), log);
    this.#server = new HttpServer(transport, handler, serverSettings(http), log, clock);
  }

  get listeners(): readonly Listener[] {
    return this.#server.listeners;
  }

  /** Where a person finds them; null while it does not listen. */
  get url(): string | null {
    const [listener] = this.listeners;
    return listener === undefined ? null : pageUrl(listener.address, METRICS_PATH);
  }

  /** Where it listens, as it was asked for. */
  places(): ListeningPlace[] {
    return this.listeners.map((listener) => ({ bind: this.#bind, listener }));
  }

  /**
   * @param open makes the listener: a new one, or an inherited one
   * @throws {OperatorError} exit status 1: the address cannot be had
   */
  async listen(open: (bind: BindAddress, backlog: number) => Promise<Listener>): Promise<void> {
    try {
      await this.#server.listen([this.#bind], BACKLOG, (bind) => open(bind, BACKLOG));
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      const why = error.message.replaceAll("--bind", "--metrics");
      throw new OperatorError(error.exitStatus, why, error.details);
    }
  }

  /** There are figures to be told. */
  start(): void {
    this.#server.start();
    for (const { address } of this.listeners) {
      this.#log.info("metrics are told", { address: formatAddress(address), path: METRICS_PATH });
    }
  }

  /** Called several times a second. */
  sweep(): void {
    this.#server.sweep();
  }

  /** The process ends, or another one tells its own. */
  close(): void {
    this.#server.closeAll();
  }
}

/** The gateway's own bounds, but for what follows from who asks here, and how seldom. */
function serverSettings(http: MetricsHttpSettings): HttpServerSettings {
  return {
    ...http,
    request: { ...http.request, bodyLimitBytes: CONTENT_MAX_BYTES },
    headerTimeoutMs: HEADER_TIMEOUT_MS,
    keepAliveTimeoutMs: KEEP_ALIVE_MS,
    connectionsMax: CONNECTIONS_MAX,
    connectionsPerAddressMax: null,
    proxyProtocol: null,
    admissionRules: [],
    exchangeLogging: null,
    namesRequests: false,
    tellsTimes: false,
  };
}
