/**
 * Times as they stand in log lines. What stays for a second is laid out once and kept, since a busy
 * server writes many lines in each.
 *
 * Owns the three forms. Reads no clock.
 */

/** Lays out milliseconds since 1970-01-01T00:00:00Z. */
export type TimeFormat = (epochMs: number) => string;

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const MS_PER_SECOND = 1_000;
/** `2026-11-21T14:29:00.`: what of ISO 8601 stays for a second. */
const ISO_SECOND_LENGTH = 20;
/** And what does not: `000Z` to `999Z`. */
const ISO_ENDINGS = Array.from(
  { length: MS_PER_SECOND },
  (_, ms) => `${String(ms).padStart(3, "0")}Z`,
);

/**
 * `[21/Nov/2026:14:29:00 +0100]`, local time, as in the Common Log Format of Apache's `%t`, and as
 * gunicorn and nginx write it.
 */
export function commonLogTime(): TimeFormat {
  return oncePerSecond((date) => {
    const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`;
    return `[${day}:${timeOfDay(date)} ${zone(-date.getTimezoneOffset())}]`;
  });
}

/**
 * `2026-11-21T13:29:00.123Z`, as in the error log.
 *
 * @param opening stands in front
 */
export function isoTime(opening = ""): TimeFormat {
  let startMs = Number.NaN;
  let second = "";
  return (epochMs) => {
    const sinceMs = Math.floor(epochMs - startMs);
    if (!(sinceMs >= 0 && sinceMs < MS_PER_SECOND)) {
      startMs = startOfSecond(epochMs);
      second = opening + new Date(startMs).toISOString().slice(0, ISO_SECOND_LENGTH);
    }
    return second + ISO_ENDINGS[Math.floor(epochMs - startMs)];
  };
}

/** `14:29:00`, local time: for a person who is there. */
export function localTimeOfDay(): TimeFormat {
  return oncePerSecond(timeOfDay);
}

function oncePerSecond(format: (date: Date) => string): TimeFormat {
  let startMs = Number.NaN;
  let kept = "";
  return (epochMs) => {
    const sinceMs = epochMs - startMs;
    if (!(sinceMs >= 0 && sinceMs < MS_PER_SECOND)) {
      startMs = startOfSecond(epochMs);
      kept = format(new Date(startMs));
    }
    return kept;
  };
}

function startOfSecond(epochMs: number): number {
  return Math.floor(epochMs / MS_PER_SECOND) * MS_PER_SECOND;
}

function timeOfDay(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function zone(offsetMinutes: number): string {
  const minutes = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
