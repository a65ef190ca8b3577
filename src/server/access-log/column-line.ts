/**
 * A record as a line for a person at a terminal: columns, the widest last, and colours where they
 * are wanted. No program is meant to read it.
 */
import type { AccessRecord } from "./access-record.ts";
import { quotable } from "./client-text.ts";
import { localTimeOfDay } from "./log-time.ts";

const METHOD_COLUMNS = 7;
const DURATION_COLUMNS = 7;
const SIZE_COLUMNS = 7;

/** Parameters of the sequence SGR (ECMA-48 section 8.3.117). */
const SGR = { reset: 0, faint: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
type Colour = Exclude<keyof typeof SGR, "reset">;

/** By the first digit of the status; never the only thing that tells them apart. */
const STATUS_COLOURS: readonly (Colour | null)[] = [null, null, "green", "cyan", "yellow", "red"];

/**
 * `14:29:00 200 GET      12.3ms queue   0.1ms   4.2kB /path?x=1`
 *
 * @param hasColours whether the terminal shows colours, and its user wants them
 * @returns what makes the line of a record, with its line end
 */
export function columnLines(hasColours: boolean): (record: AccessRecord) => string {
  const time = localTimeOfDay();
  const paint = (colour: Colour | null, text: string): string =>
    hasColours && colour !== null ? `\x1b[${SGR[colour]}m${text}\x1b[${SGR.reset}m` : text;
  return (record) => {
    const status = paint(
      STATUS_COLOURS[Math.floor(record.status / 100)] ?? null,
      String(record.status),
    );
    const queue = record.queueUs === null ? "-" : shownDuration(record.queueUs);
    const retries = record.retries === 0 ? "" : paint("yellow", ` (retries: ${record.retries})`);
    return (
      `${paint("faint", time(record.startedAtEpochMs))} ${status} ` +
      `${quotable(record.method).padEnd(METHOD_COLUMNS)} ` +
      `${shownDuration(record.durationUs).padStart(DURATION_COLUMNS)} ` +
      `${paint("faint", `queue ${queue.padStart(DURATION_COLUMNS)}`)} ` +
      `${shownSize(record.contentBytes).padStart(SIZE_COLUMNS)} ` +
      `${quotable(record.target)}${retries}\n`
    );
  };
}

/** `0.3ms`, `12.3ms`, `1.23s`, `123s`. */
function shownDuration(us: number): string {
  const ms = us / 1_000;
  if (ms < 1_000) return `${ms.toFixed(1)}ms`;
  const seconds = ms / 1_000;
  return `${seconds.toFixed(seconds < 100 ? 2 : 0)}s`;
}

/** `512B`, `4.2kB`, `13.1MB`, in powers of 1000. */
function shownSize(bytes: number): string {
  if (bytes < 1_000) return `${bytes}B`;
  let value = bytes;
  for (const unit of ["kB", "MB", "GB"]) {
    value /= 1_000;
    if (value < 1_000) return `${value.toFixed(1)}${unit}`;
  }
  return `${(value / 1_000).toFixed(1)}TB`;
}
