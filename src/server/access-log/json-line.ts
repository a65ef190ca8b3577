/**
 * A record as one JSON object in a line (RFC 8259), in printable ASCII.
 *
 * Owns the names of its members, which are the same in every line, in the same order: what is not
 * known is null. docs/observe.md describes each. Members that change together stand together, so
 * that what repeats is put together once: each piece of a line costs as much as a number in it.
 */
import { jsonString } from "../../base/json-text.ts";
import type { AccessRecord } from "./access-record.ts";
import { isoTime } from "./log-time.ts";

/** @returns what makes the line of a record, with its line end */
export function jsonLines(): (record: AccessRecord) => string {
  const time = isoTime('{"time":"');
  const target = targetMembers();
  const worker = workerMembers();
  return (record) => {
    const { texts } = record.repeated;
    const client = (texts[0] ??= clientMembers(record));
    return (
      `${time(record.startedAtEpochMs)}${target(record)}${record.status}` +
      `,"bytes":${record.contentBytes},"duration_us":${record.durationUs}` +
      `,"queue_us":${record.queueUs},"application_us":${record.applicationUs}` +
      worker(record) +
      client
    );
  };
}

/** The last one is remembered: busy servers are asked for the same again and again. */
function targetMembers(): (record: AccessRecord) => string {
  let last: Pick<AccessRecord, "method" | "path" | "query"> | null = null;
  let members = "";
  return ({ method, path, query }) => {
    if (last?.path !== path || last.query !== query || last.method !== method) {
      last = { method, path, query };
      members =
        `","method":${jsonOrNull(method)},"path":${jsonOrNull(path)}` +
        `,"query":${jsonOrNull(query)},"status":`;
    }
    return members;
  };
}

/** So is this one: with one worker it is always the same. */
function workerMembers(): (record: AccessRecord) => string {
  let last: Pick<AccessRecord, "workerPid" | "generation" | "retries" | "requestId"> | null = null;
  let members = "";
  return ({ workerPid, generation, retries, requestId }) => {
    const isSame =
      last?.workerPid === workerPid &&
      last.requestId === requestId &&
      last.generation === generation &&
      last.retries === retries;
    if (!isSame) {
      last = { workerPid, generation, retries, requestId };
      members =
        `,"worker":${workerPid},"generation":${generation},"retries":${retries}` +
        `,"request_id":${jsonOrNull(requestId)}`;
    }
    return members;
  };
}

function clientMembers(record: AccessRecord): string {
  return (
    `,"remote":${jsonOrNull(record.remoteHost || null)},"user":${jsonOrNull(record.user)}` +
    `,"protocol":"${record.protocol}","host":${jsonOrNull(record.requestField("host"))}` +
    `,"referer":${jsonOrNull(record.requestField("referer"))}` +
    `,"user_agent":${jsonOrNull(record.requestField("user-agent"))}}\n`
  );
}

function jsonOrNull(text: string | null): string {
  return text === null ? "null" : jsonString(text);
}
