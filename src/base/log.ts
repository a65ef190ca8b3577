/**
 * Log records: what happened, at which level, with which fields, as one line of text or of JSON.
 *
 * Owns the form of a line, and that nothing from outside can break out of it. Must not know where
 * lines go, nor read the time: the writer and the clock are given.
 *
 *     2026-11-21T04:58:00.123Z error worker exited pid=4711 signal=SIGKILL
 */
import { escapeForLog } from "./escape.ts";
import { jsonString } from "./json-text.ts";

/** From the most to the least urgent. */
const LEVELS = ["error", "warn", "info", "debug"] as const;

export type LogLevel = (typeof LEVELS)[number];

/** For people, or for programs. */
export type LogFormat = "text" | "json";

/** What belongs to a record beside its message. Null is written as `-`; undefined is left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * Writes a record.
 *
 * @param details further lines for the reader, such as a traceback; they follow, indented
 */
export type LogMethod = (message: string, fields?: LogFields, details?: string | null) => void;

export interface Log {
  readonly error: LogMethod;
  readonly warn: LogMethod;
  readonly info: LogMethod;
  readonly debug: LogMethod;
}

/** The part of a clock that a log needs: milliseconds since 1970-01-01T00:00:00Z. */
export interface LogClock {
  epochMs(): number;
}

/**
 * Bound of one line. What is longer is cut: a client must not be able to fill the disk with one
 * request.
 */
const LINE_LENGTH_MAX = 4096;
/** Lines of details that follow one record. What is more is left out in the middle. */
const DETAIL_LINES_MAX = 200;
const DETAIL_INDENT = "    ";

/** Days from 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar. */
const DAYS_TO_EPOCH = 719_468;
const DAYS_PER_ERA = 146_097;
const MS_PER_DAY = 86_400_000;

/** Values made of these characters alone need no quotes: the reader sees where they end. */
const BARE_VALUE = /^[!#-<>-[\]-~]+$/;

/**
 * A log that writes each record of level `levelMin` or a more urgent one as one line, without the
 * line end. As text, details are further lines; as JSON, a member of the object.
 *
 * @param write      takes the line; called once a record, and as text once a line of details
 * @param clock      asked once a record
 * @param levelMin   the least urgent level that is written
 */
export function createLog(
  write: (line: string) => void,
  clock: LogClock,
  levelMin: LogLevel,
  format: LogFormat = "text",
): Log {
  const last = LEVELS.indexOf(levelMin);
  const method = (level: LogLevel): LogMethod => {
    if (LEVELS.indexOf(level) > last) return () => {};
    if (format === "json") {
      return (message, fields, details = null) => {
        write(formatJsonRecord(clock.epochMs(), level, message, fields, details));
      };
    }
    return (message, fields, details = null) => {
      write(formatRecord(clock.epochMs(), level, message, fields));
      if (details !== null) for (const line of detailLines(details)) write(line);
    };
  };
  return {
    error: method("error"),
    warn: method("warn"),
    info: method("info"),
    debug: method("debug"),
  };
}

/** Drops every record. */
export const NULL_LOG: Log = { error() {}, warn() {}, info() {}, debug() {} };

/**
 * One record as one line of printable ASCII, without a line end.
 *
 * A value with a space, a quote or `=` in it stands in double quotes. Whatever is not printable is
 * escaped, in the message as well, since messages quote what clients and applications said.
 *
 * @param epochMs   milliseconds since 1970-01-01T00:00:00Z, not negative
 * @bound           4096 characters, then cut, with `...` at the end
 */
export function formatRecord(
  epochMs: number,
  level: LogLevel,
  message: string,
  fields: LogFields = {},
): string {
  let line = `${formatTimestamp(epochMs)} ${level} ${escapeForLog(message)}`;
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${escapeForLog(name)}=${formatValue(value)}`;
  }
  return cut(line);
}

/**
 * One record as one JSON object in a line of printable ASCII, without a line end: `time`, `level`
 * and `message`, and where there are any, `fields` (an object) and `details` (text with line ends).
 *
 * @param epochMs   milliseconds since 1970-01-01T00:00:00Z, not negative
 * @bound           4096 characters of each text, and 200 lines of as many of the details; then cut,
 *   with `...` in place of what is left out
 */
export function formatJsonRecord(
  epochMs: number,
  level: LogLevel,
  message: string,
  fields: LogFields = {},
  details: string | null = null,
): string {
  const members: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const text = typeof value === "string" ? jsonString(cut(value)) : JSON.stringify(value);
    members.push(`${jsonString(name)}:${text}`);
  }
  let line = `{"time":"${formatTimestamp(epochMs)}","level":"${level}"`;
  line += `,"message":${jsonString(cut(message))}`;
  if (members.length > 0) line += `,"fields":{${members.join(",")}}`;
  if (details !== null) line += `,"details":${jsonString(keptLines(details).map(cut).join("\n"))}`;
  return `${line}}`;
}

/**
 * Text of several lines as they follow a record: indented, so that none can be taken for a record,
 * and escaped.
 *
 * @bound 200 lines of 4096 characters
 */
export function detailLines(details: string): string[] {
  return keptLines(details).map((line) =>
    `${DETAIL_INDENT}${escapeForLog(line)}`.slice(0, LINE_LENGTH_MAX),
  );
}

function keptLines(details: string): string[] {
  const lines = details.trimEnd().split("\n");
  if (lines.length <= DETAIL_LINES_MAX) return lines;
  const half = DETAIL_LINES_MAX / 2;
  return [...lines.slice(0, half - 1), "...", ...lines.slice(-half)];
}

function cut(text: string): string {
  return text.length > LINE_LENGTH_MAX ? `${text.slice(0, LINE_LENGTH_MAX - 3)}...` : text;
}

function formatValue(value: string | number | boolean | null): string {
  if (value === null) return "-";
  if (typeof value !== "string") return String(value);
  if (value !== "-" && BARE_VALUE.test(value)) return value;
  return `"${escapeForLog(value).replaceAll('"', '\\"')}"`;
}

/**
 * ISO 8601 in UTC with milliseconds, computed: this layer may not use the platform's `Date`.
 *
 * The calendar starts its years in March, so that the leap day is the last of a year; an era is 400
 * years.
 */
export function formatTimestamp(epochMs: number): string {
  const days = Math.floor(epochMs / MS_PER_DAY);
  const msOfDay = Math.floor(epochMs - days * MS_PER_DAY);
  const shifted = days + DAYS_TO_EPOCH;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
  const date = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
  return `${date}T${formatTimeOfDay(msOfDay)}Z`;
}

function formatTimeOfDay(msOfDay: number): string {
  const hours = Math.floor(msOfDay / 3_600_000);
  const minutes = Math.floor(msOfDay / 60_000) % 60;
  const seconds = Math.floor(msOfDay / 1000) % 60;
  return `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(seconds, 2)}.${pad(msOfDay % 1000, 3)}`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
