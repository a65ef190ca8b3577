/**
 * HTTP dates: the preferred format, IMF-fixdate (RFC 9110 section 5.6.7).
 *
 * Pure arithmetic: this layer reads no clock, and needs no `Date` object to lay a time out.
 */

const DAY_NAMES = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const MONTH_NAMES = [
  "Jan",
  "Feb",
  "Mar",
  "Apr",
  "May",
  "Jun",
  "Jul",
  "Aug",
  "Sep",
  "Oct",
  "Nov",
  "Dec",
] as const;

const MS_PER_DAY = 86_400_000;
const DAYS_PER_ERA = 146_097;
/** From 0000-03-01 to 1970-01-01 in the proleptic Gregorian calendar. */
const DAYS_TO_EPOCH = 719_468;
/** 1970-01-01 was a Thursday. */
const EPOCH_WEEKDAY = 4;

/** The last millisecond of the year 9999: the format has four digits for the year. */
export const HTTP_DATE_MS_MAX = 253_402_300_799_999;

/**
 * Formats a time as IMF-fixdate, for example `Sun, 06 Nov 1994 08:49:37 GMT`.
 *
 * @param epochMs milliseconds since 1970-01-01T00:00:00Z, from 0 to {@link HTTP_DATE_MS_MAX};
 *   what lies outside is moved to the nearer end, because a clock that is wrong must not end a
 *   response
 * @returns always 29 characters
 */
export function formatHttpDate(epochMs: number): string {
  const ms = Math.min(Math.max(Math.floor(epochMs), 0), HTTP_DATE_MS_MAX);
  const days = Math.floor(ms / MS_PER_DAY);
  const seconds = Math.floor((ms - days * MS_PER_DAY) / 1000);
  const { year, month, day } = civilFromDays(days);
  const dayName = DAY_NAMES[(days + EPOCH_WEEKDAY) % 7] ?? "";
  const date = `${padded(day)} ${MONTH_NAMES[month - 1] ?? ""} ${String(year).padStart(4, "0")}`;
  const hour = Math.floor(seconds / 3600);
  const minute = Math.floor(seconds / 60) % 60;
  return `${dayName}, ${date} ${padded(hour)}:${padded(minute)}:${padded(seconds % 60)} GMT`;
}

/**
 * Days since the epoch as a date. The year is taken to begin on 1 March, so that the leap day is
 * its last, and eras of 400 years repeat exactly (H. Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms").
 */
function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + DAYS_TO_EPOCH;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  };
}

function padded(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
