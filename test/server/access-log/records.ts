/** Records for tests of what becomes of them in a line. */
import type { AccessRecord } from "../../../src/server/access-log/access-record.ts";
import { type LineFormat, lineFormat } from "../../../src/server/access-log/line-format.ts";
import { LineMemory } from "../../../src/server/access-log/line-memory.ts";
import { RepeatedParts } from "../../../src/server/access-log/repeated-parts.ts";

/** 2026-11-21T14:29:00.123Z. */
export const STARTED_AT_MS = Date.UTC(2026, 10, 21, 14, 29, 0, 123);

type Fields = Readonly<Record<string, string>>;

export interface RecordValues extends Partial<
  Omit<AccessRecord, "requestField" | "responseField" | "environ">
> {
  readonly request?: Fields;
  readonly response?: Fields;
  readonly entries?: Fields;
}

/** A record of an exchange that went as most do. */
export function accessRecord(values: RecordValues = {}): AccessRecord {
  const { request = {}, response = {}, entries = {}, ...others } = values;
  return {
    repeated: new RepeatedParts(),
    startedAtEpochMs: STARTED_AT_MS,
    method: "GET",
    target: "/articles/7?page=2",
    path: "/articles/7",
    query: "page=2",
    protocol: "HTTP/1.1",
    status: 200,
    isAborted: false,
    failure: null,
    requestContentBytes: 0,
    contentBytes: 4_207,
    durationUs: 6_012,
    receivedUs: null,
    answeredUs: null,
    queueUs: 31,
    applicationUs: 5_404,
    workerPid: 4_711,
    generation: 2,
    retries: 0,
    requestId: null,
    trace: null,
    scheme: "http",
    host: "shop.example",
    remoteHost: "192.0.2.7",
    peerHost: "10.0.0.1",
    user: null,
    requestField: (name) => request[name] ?? null,
    responseField: (name) => response[name] ?? null,
    environ: (name) => entries[name] ?? null,
    ...others,
  };
}

/** A format that is one. */
export function formatOf(text: string): LineFormat {
  const format = lineFormat(text);
  if (format.kind === "mistake") throw new Error(`${format.position}: ${format.what}`);
  return format;
}

/** The line of a record, with its line end (latin-1). */
export function written(format: LineFormat, record: AccessRecord): string {
  const memory = new LineMemory();
  format.write(record, memory);
  return memory.bytes.toString("latin1");
}

/** The same without its line end. */
export function lineOf(format: string, values: RecordValues = {}): string {
  return written(formatOf(format), accessRecord(values)).replace(/\n$/, "");
}
