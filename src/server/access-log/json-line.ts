/**
 * A record as one JSON object in a line (RFC 8259), in printable ASCII.
 *
 * Owns the names of its members, which are the same in every line, in the same order: what is not
 * known is null. docs/observe.md describes each. Members that change together stand together, so
 * that what repeats is put together once, and copied in one piece.
 */
import { jsonString } from "../../base/json-text.ts";
import type { AccessRecord } from "./access-record.ts";
import type { LineMemory } from "./line-memory.ts";
import { isoTime } from "./log-time.ts";
import { partOf, RepeatingText } from "./repeating-text.ts";

/** Of the class `request` there is one for each request. */
const KEPT_WORKERS_MAX = 256;
const WITHOUT_IDS = partOf(idMembers({ requestId: null, trace: null }));

/** Writes the line of a record, with its line end. */
export function jsonLines(): (record: AccessRecord, memory: LineMemory) => void {
  const time = timeMember();
  const target = targetMembers();
  const queue = numberMember("queue_us");
  const application = numberMember("application_us");
  const worker = workerMembers();
  return (record, memory) => {
    time(record.startedAtEpochMs, memory);
    target(record, memory);
    memory.number(record.durationUs);
    queue(record.queueUs, memory);
    application(record.applicationUs, memory);
    memory.part(worker(record));
    if (record.requestId === null && record.trace === null) memory.part(WITHOUT_IDS);
    else memory.text(idMembers(record));
    const { parts } = record.repeated;
    memory.part((parts[0] ??= partOf(clientMembers(record))));
  };
}

function numberMember(name: string): (value: number | null, memory: LineMemory) => void {
  const known = partOf(`,"${name}":`);
  const unknown = partOf(membersText({ [name]: null }));
  return (value, memory) => {
    if (value === null) {
      memory.part(unknown);
      return;
    }
    memory.part(known);
    memory.number(value);
  };
}

/** Busy servers write many lines in a millisecond. */
function timeMember(): (epochMs: number, memory: LineMemory) => void {
  const time = isoTime('{"time":"');
  const member = new RepeatingText();
  let lastMs = Number.NaN;
  return (epochMs, memory) => {
    const ms = Math.floor(epochMs);
    if (ms !== lastMs) member.become(time(ms));
    lastMs = ms;
    member.write(memory);
  };
}

/** Whatever stands in front of the duration: busy servers give the same answer again and again. */
type Target = Pick<AccessRecord, "method" | "path" | "query" | "status" | "contentBytes">;

function targetMembers(): (record: AccessRecord, memory: LineMemory) => void {
  let last: Target | null = null;
  const members = new RepeatingText();
  return ({ method, path, query, status, contentBytes }, memory) => {
    const isSame =
      last?.path === path &&
      last.query === query &&
      last.method === method &&
      last.status === status &&
      last.contentBytes === contentBytes;
    if (!isSame) {
      last = { method, path, query, status, contentBytes };
      members.become(
        `","method":${jsonOf(method)},"path":${jsonOf(path)},` +
          `"query":${jsonOf(query)},"status":${status},"bytes":${contentBytes},"duration_us":`,
      );
    }
    members.write(memory);
  };
}

/** Those of each worker are remembered. */
function workerMembers(): (record: AccessRecord) => Buffer {
  const kept = new Map<number | null, { generation: number | null; part: Buffer }>();
  return ({ workerPid, generation, retries }) => {
    const known = kept.get(workerPid);
    if (known?.generation === generation && retries === 0) return known.part;
    const part = partOf(membersText({ worker: workerPid, generation, retries }));
    if (kept.size >= KEPT_WORKERS_MAX) kept.clear();
    if (retries === 0) kept.set(workerPid, { generation, part });
    return part;
  };
}

/** Others for each request, where there are any. */
function idMembers({ requestId, trace }: Pick<AccessRecord, "requestId" | "trace">): string {
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
  return `${membersText(members)}}\n`;
}

/** Members behind others. */
function membersText(members: Readonly<Record<string, string | number | null>>): string {
  const texts = Object.entries(members).map(([name, value]) => `,"${name}":${jsonOf(value)}`);
  return texts.join("");
}

function jsonOf(value: string | number | null): string {
  return typeof value === "string" ? jsonString(value) : String(value);
}
