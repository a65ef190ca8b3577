/**
 * What a gateway says of itself when it is asked: plain data, which becomes JSON as it is. Times
 * ago are in milliseconds, times of day in milliseconds since 1970-01-01T00:00:00Z.
 *
 * Text in it may come from a client (request lines) or from the application (why it failed):
 * whoever prints it escapes it.
 */
import type { SupervisorStatus } from "../workers/supervisor-status.ts";
import type { GatewayState } from "./gateway-state.ts";

export interface GatewayStatus extends SupervisorStatus {
  readonly version: string;
  readonly pid: number;
  /** The application's reference, as it was given. */
  readonly application: string;
  readonly startedAtMs: number;
  readonly state: GatewayState;
  /** Each as a URL or `unix:/path`. */
  readonly addresses: readonly string[];
  /** Open at present. */
  readonly connections: number;
  /**
   * Where there are several (`--gateways`): `pid` is that of the process which leads them, figures
   * are sums, and each generation says whose it is.
   */
  readonly gateways?: readonly GatewayPart[];
}

/** One gateway of several; null for what it does not say because it does not answer. */
export interface GatewayPart {
  /** From 0. */
  readonly index: number;
  readonly pid: number;
  readonly state: GatewayState | null;
  readonly startedAtMs: number | null;
  readonly connections: number | null;
  /** Requests that wait for one of its workers. */
  readonly waiting: number | null;
  /** How many it should have. */
  readonly workers: number | null;
}
