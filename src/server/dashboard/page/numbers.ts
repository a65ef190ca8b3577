/**
 * Quantities as a person reads them: three figures or so, a unit, and never a line break between.
 * Pure.
 */

const NO_BREAK_SPACE = "\u00a0";
/** What stands where nothing is known. */
export const UNKNOWN = "–";

const COUNT = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const US_PER_MS = 1_000;
const US_PER_S = 1_000_000;
const S_PER_MIN = 60;
const MIN_PER_H = 60;
const H_PER_DAY = 24;
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const BYTES_PER_STEP = 1_000;

/** `1,482` */
export function formatCount(value: number | null): string {
  return value === null ? UNKNOWN : COUNT.format(value);
}

/** `640 µs`, `2.1 ms`, `31 ms`, `1.20 s`, `2 m 14 s` */
export function formatMicroseconds(us: number | null): string {
  if (us === null) return UNKNOWN;
  if (us < US_PER_MS) return withUnit(us, "µs");
  if (us < US_PER_S) return withUnit(us / US_PER_MS, "ms");
  return formatAge(us / US_PER_MS);
}

/** `340 ms`, `3.4 s`, `2 m 14 s`, `5 h 2 m`, `3 d 4 h` */
export function formatAge(ms: number | null): string {
  if (ms === null) return UNKNOWN;
  const seconds = ms / US_PER_MS;
  if (seconds < 1) return `${Math.round(ms)}${NO_BREAK_SPACE}ms`;
  if (seconds < S_PER_MIN) return withUnit(seconds, "s");
  const wholeSeconds = Math.floor(seconds);
  const minutes = Math.floor(wholeSeconds / S_PER_MIN);
  if (minutes < MIN_PER_H) return twoParts(minutes, "m", wholeSeconds % S_PER_MIN, "s");
  const hours = Math.floor(minutes / MIN_PER_H);
  if (hours < H_PER_DAY) return twoParts(hours, "h", minutes % MIN_PER_H, "m");
  return twoParts(Math.floor(hours / H_PER_DAY), "d", hours % H_PER_DAY, "h");
}

/** `812 B`, `4.2 kB`, `38 MB` */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return UNKNOWN;
  let value = bytes;
  let unit = 0;
  while (value >= BYTES_PER_STEP && unit < BYTE_UNITS.length - 1) {
    value /= BYTES_PER_STEP;
    unit++;
  }
  return unit === 0 ? `${value}${NO_BREAK_SPACE}B` : withUnit(value, BYTE_UNITS[unit] ?? "");
}

/** `0.4%`, `12%` */
export function formatShare(share: number | null): string {
  if (share === null) return UNKNOWN;
  const percent = share * 100;
  return `${percent > 0 && percent < 9.95 ? percent.toFixed(1) : Math.round(percent)}%`;
}

/** `17:04:12`, in the reader's time zone. */
export function formatTime(epochMs: number): string {
  const date = new Date(epochMs);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(":");
}

/** `17:04` */
export function formatMinute(epochMs: number): string {
  return formatTime(epochMs).slice(0, -3);
}

/** ` · gateway 1`, behind what belongs to one of several; nothing where there is one alone. */
export function ofGateway(gateway: number | undefined): string {
  return gateway === undefined ? "" : ` · gateway ${gateway}`;
}

function withUnit(value: number, unit: string): string {
  const digits = value > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)}${NO_BREAK_SPACE}${unit}`;
}

function twoParts(first: number, firstUnit: string, second: number, secondUnit: string): string {
  return [first, firstUnit, second, secondUnit].join(NO_BREAK_SPACE);
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
