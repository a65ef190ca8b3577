/**
 * The first line that a zygote is told: what to import, and what its workers are to be
 * (docs/worker-protocol.md, "Start").
 */
import type { LogFormat } from "../base/log.ts";
import type { FileIdentity } from "../net/unix-socket-file.ts";

export type WorkerClass = "process" | "thread" | "request";

export interface ZygoteStart {
  /** Of the application; also shown in lists of processes. */
  readonly reference: string;
  readonly pythonpath: readonly string[];
  readonly rootPath: string;
  readonly version: string;
  readonly multiprocess: boolean;
  readonly workerClass: WorkerClass;
  /** Channels of each worker: one, but for class `thread`. */
  readonly threads: number;
  /** Of functions that are called in the life of a worker; null for none. */
  readonly hooks: string | null;
  /** Resident bytes beyond which a worker says so; null for never. */
  readonly maxRssBytes: number | null;
  /** Whether it tells which source files are imported, now and later. */
  readonly reportFiles: boolean;
  /** Opened anew by path when it is told to; null where standard error goes elsewhere. */
  readonly errorLog: string | null;
  /** Shape of what it and its workers say on standard error. */
  readonly logFormat: LogFormat;
  readonly generation: number;
  /** Files of our listening sockets, which it removes if the gateway does not get to do so. */
  readonly socketFiles: readonly FileIdentity[];
  /** With the socket that workers connect to; null where they are handed descriptors. */
  readonly linkFolder: string | null;
}

/** @param start may have more beside it, which is not told */
export function startLine(start: ZygoteStart): Buffer {
  return encodeLine({
    type: "start",
    reference: start.reference,
    pythonpath: start.pythonpath,
    rootPath: start.rootPath,
    version: start.version,
    multiprocess: start.multiprocess,
    workerClass: start.workerClass,
    threads: start.threads,
    hooks: start.hooks,
    maxRssBytes: start.maxRssBytes,
    reportFiles: start.reportFiles,
    errorLog: start.errorLog,
    logFormat: start.logFormat,
    generation: start.generation,
    socketFiles: start.socketFiles,
    linkFolder: start.linkFolder,
  });
}

/** Any line of the control conversation. */
export function encodeLine(message: object): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`);
}
