/**
 * What the gateway, its processes, its sockets and its traffic look like at one moment: plain data,
 * which becomes JSON as it is. Made for whoever looks on: the live page and `portico top`.
 *
 * Times of day are in ms since 1970-01-01T00:00:00Z, durations in ms unless a name says otherwise.
 * Text may come from a client or from the application: whoever shows it escapes it.
 *
 * Where there are several gateways (`--gateways`), this is what they are together, and what belongs
 * to one of them has its number from 0 as `gateway`. Which there are, and which do not answer, is
 * in {@link GatewayStatus.gateways}.
 */
import type { GatewayStatus } from "../gateway-status.ts";

export interface Snapshot {
  readonly atMs: number;
  /** Without what workers have to do, which is in {@link Snapshot.processes}. */
  readonly status: GatewayStatus;
  /** Parents before their children. */
  readonly processes: readonly ProcessSnapshot[];
  readonly listeners: readonly ListenerSnapshot[];
  readonly connections: ConnectionsSnapshot;
  readonly descriptors: DescriptorsSnapshot;
  /** The last whole second; null before there is one. */
  readonly latest: TrafficPoint | null;
  /** The newest first; bounded. */
  readonly errors: readonly ErrorSnapshot[];
  /** The oldest first; bounded. */
  readonly marks: readonly MarkSnapshot[];
}

export interface ProcessSnapshot {
  readonly pid: number;
  /** null where the system does not tell. */
  readonly ppid: number | null;
  /** A `leader` is there where there are several gateways. */
  readonly kind: "leader" | "gateway" | "guardian" | "zygote" | "worker" | "other";
  /** The program's, as the system has it; null where it does not tell. */
  readonly name: string | null;
  /** Of the code; null for gateways and their leader. */
  readonly generation: number | null;
  /** Of a worker, or of one gateway of several, as `portico status` numbers it; else null. */
  readonly number: number | null;
  /**
   * The gateway's, generation's or worker's own word for it; null for others. A gateway that does
   * not answer its leader is `silent`.
   */
  readonly state: string | null;
  /** As proc(5) has it: R, S, D, Z, ...; null where the system does not tell. */
  readonly systemState: string | null;
  readonly ageMs: number | null;
  /** User and system time used so far. */
  readonly cpuMs: number | null;
  /** Of one CPU, since the snapshot before; 0 to 1 for each thread. */
  readonly cpuShare: number | null;
  readonly rssBytes: number | null;
  /** Requests that it was given; null for others than workers. */
  readonly requests: number | null;
  /** Bounded. */
  readonly busy: readonly RequestSnapshot[];
}

/** A request that a worker has now. */
export interface RequestSnapshot {
  readonly request: string;
  readonly requestId: string | null;
  readonly ageMs: number;
}

export interface ListenerSnapshot {
  /** As a URL or `unix:/path`. */
  readonly address: string;
  readonly descriptor: number | null;
  /** What was asked for, and what the kernel makes of it. */
  readonly backlog: number;
  readonly effectiveBacklog: number;
  /** Connections that wait to be accepted (`TCP_INFO`); null where the kernel does not tell. */
  readonly queued: number | null;
  /** Not there where all gateways accept from it, as the only one does. */
  readonly gateway?: number;
}

export interface ConnectionsSnapshot {
  readonly open: number;
  readonly byPhase: Readonly<Record<string, number>>;
  /** The busiest, the busiest first; bounded. */
  readonly shown: readonly ConnectionSnapshot[];
}

/** One connection, named by its socket pair. */
export interface ConnectionSnapshot {
  readonly local: string;
  readonly remote: string;
  readonly descriptor: number | null;
  /** What it waits for: proxy-header, idle, head, content, answer, lingering. */
  readonly phase: string;
  readonly ageMs: number;
  readonly requests: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly unsentBytes: number;
  /** The present request; null while there is none. */
  readonly request: string | null;
  readonly gateway?: number;
}

/** Of several gateways, those of the one that is nearest to its limit. */
export interface DescriptorsSnapshot {
  readonly gateway?: number;
  readonly used: number | null;
  readonly limit: number | null;
}

/** What happened in one second. */
export interface TrafficPoint {
  /** Begin of the second. */
  readonly atMs: number;
  readonly requests: number;
  /** Of these, with a status of 500 and more. */
  readonly serverErrors: number;
  readonly clientErrors: number;
  /** From a request's first byte to its answer's last, in µs; null where there was none. */
  readonly p50Us: number | null;
  readonly p90Us: number | null;
  readonly p99Us: number | null;
  /** The 99th percentile of the time in the queue, in µs. */
  readonly queueP99Us: number | null;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** At the end of the second. */
  readonly waiting: number;
  readonly connections: number;
}

/** An answer of 500 or more, or a request that got none. */
export interface ErrorSnapshot {
  readonly atMs: number;
  readonly status: number;
  readonly request: string;
  readonly requestId: string | null;
  readonly workerPid: number | null;
  readonly durationUs: number;
}

/** Something that happened to the server, as opposed to one request. */
export interface MarkSnapshot {
  readonly atMs: number;
  readonly kind:
    | "started"
    | "reload"
    | "rollback"
    | "reload-failed"
    | "scale"
    | "worker-lost"
    | "gateway-lost";
  /** One line for a person. */
  readonly text: string;
}

/** The stack of a process, asked for while it runs. */
export type StackResult =
  | { readonly kind: "stack"; readonly pid: number; readonly text: string }
  | { readonly kind: "refused"; readonly why: string };

/** What the live page and the terminal view look at, and what they may change. */
export interface Observed {
  /**
   * @param shownMax connections that are listed, of the busiest
   * @returns later where several gateways have to be asked; bounded in time
   */
  snapshot(shownMax: number): Snapshot | Promise<Snapshot>;
  /**
   * The seconds of the last ten minutes, the oldest first; those of several gateways as they were
   * told for the last snapshot.
   */
  history(): readonly TrafficPoint[];
  /** Python's stack of one of the workers, as it is now; bounded in time and length. */
  stack(pid: number): Promise<StackResult>;
}
