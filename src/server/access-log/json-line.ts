/**
 * A record as one JSON object in a line (RFC 8259), in printable ASCII.
 *
 * Owns the names of its members, which are the same in every line, in the same order: what is not
 * known is null. docs/observe.md describes each. Members that change together stand together, so
 * that what repeats is put together once, in one piece: a line's parts are gathered again when it
 * is written, and each of them costs.
 */
import { jsonString } from "../../base/json-text.ts";
import type { AccessRecord } from "./access-record.ts";
import { isoTime } from "./log-time.ts";

/** Numbers below this are kept as members, once written: those of fast requests come again. */
const KEPT_NUMBERS_MAX = 4_096;
/** Of the class `request` there is one for each request. */
const KEPT_WORKERS_MAX = 256;
const WITHOUT_IDS = membersText({ request_id: null, trace_id: null, span_id: null });

/** @returns what makes the line of a record, with its line end */
export function jsonLines(): (record: AccessRecord) => string {
  const time = isoTime('{"time":"');
  const target = targetMembers();
  const bytes = numberMember("bytes");
  const duration = numberMember("duration_us");
  const queue = numberMember("queue_us");
  const application = numberMember("application_us");
  const worker = workerMembers();
  return (record) => {
    const { texts } = record.repeated;
    const client = (texts[0] ??= clientMembers(record));
    return (
      time(record.startedAtEpochMs) +
      target(record) +
      bytes(record.contentBytes) +
      duration(record.durationUs) +
      queue(record.queueUs) +
      application(record.applicationUs) +
      worker(record) +
      idMembers(record) +
      client
    );
  };
}

function numberMember(name: string): (value: number | null) => string {
  const kept: string[] = [];
  const unknown = membersText({ [name]: null });
  return (value) => {
    if (value === null) return unknown;
    if (value >= KEPT_NUMBERS_MAX) return `,"${name}":${value}`;
    return (kept[value] ??= membersText({ [name]: value }));
  };
}

/**
 * The last one is remembered: busy servers are asked for the same again and again. Where each
 * request has another target, putting it in one piece would cost more than it saves.
 */
function targetMembers(): (record: AccessRecord) => string {
  let last: Pick<AccessRecord, "method" | "path" | "query" | "status"> | null = null;
  let members = "";
  let isOnePiece = false;
  return ({ method, path, query, status }) => {
    const isSame =
      last?.path === path &&
      last.query === query &&
      last.method === method &&
      last.status === status;
    if (!isSame) {
      last = { method, path, query, status };
      members =
        `","method":${jsonOf(method)},"path":${jsonOf(path)},` +
        `"query":${jsonOf(query)},"status":${status}`;
      isOnePiece = false;
    } else if (!isOnePiece) {
      members = Buffer.from(members, "latin1").toString("latin1");
      isOnePiece = true;
    }
    return members;
  };
}

/** Those of each worker are remembered. */
function workerMembers(): (record: AccessRecord) => string {
  const kept = new Map<number | null, { generation: number | null; text: string }>();
  return ({ workerPid, generation, retries }) => {
    const known = kept.get(workerPid);
    if (known?.generation === generation && retries === 0) return known.text;
    const text = membersText({ worker: workerPid, generation, retries });
    if (kept.size >= KEPT_WORKERS_MAX) kept.clear();
    if (retries === 0) kept.set(workerPid, { generation, text });
    return text;
  };
}

/** Others for each request, where there are any. */
function idMembers({ requestId, trace }: AccessRecord): string {
  if (requestId === null && trace === null) return WITHOUT_IDS;
  const ids = trace === null ? "null" : `"${trace.traceId}"`;
  const span = trace === null ? "null" : `"${trace.spanId}"`;
  return `,"request_id":${jsonOf(requestId)},"trace_id":${ids},"span_id":${span}`;
}

function clientMembers(record: AccessRecord): string {
  const members = {
    remote: record.remoteHost || null,
    user: record.user,
    protocol: record.protocol,
    host: record.requestField("host"),
    referer: record.requestField("referer"),
    user_agent: record.requestField("user-agent"),
  };
  return membersText(members, "", "}\n");
}

/** Members behind others, in one piece with what stands before and behind them. */
function membersText(
  members: Readonly<Record<string, string | number | null>>,
  before = "",
  behind = "",
): string {
  const texts = Object.entries(members).map(([name, value]) => `,"${name}":${jsonOf(value)}`);
  return [before, ...texts, behind].join("");
}

function jsonOf(value: string | number | null): string {
  return typeof value === "string" ? jsonString(value) : String(value);
}
