/**
 * Figures and texts as `portico top` shows them: short, and escaped. Pure.
 */
import { escapeAndCutForLog } from "../../base/escape.ts";
import type { ScreenStyle } from "./top-line.ts";

const TEXT_MAX_CHARS = 300;
const KIB = 1_024;
const US_PER_MS = 1_000;
const BLOCKS = { unicode: " ▁▂▃▄▅▆▇█", ascii: " .:-=+*%#" };

/** What a client or the application said. */
export function shown(text: string): string {
  return escapeAndCutForLog(text, TEXT_MAX_CHARS);
}

/** `80ms`, `4.2s`, `12s`, `3m`, `5h`, `4d`: at most four characters */
export function briefDuration(ms: number): string {
  const seconds = ms / 1_000;
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))}ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  if (seconds < 99.5) return `${Math.round(seconds)}s`;
  if (seconds < 99 * 60) return `${Math.round(seconds / 60)}m`;
  const hours = seconds / 3_600;
  return hours < 48 ? `${Math.round(hours)}h` : `${Math.round(hours / 24)}d`;
}

/** `0.85 ms`, `12 ms`, `1.2 s`; `-` for null */
export function latency(us: number | null): string {
  if (us === null) return "-";
  const ms = us / US_PER_MS;
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** `950`, `12.3k`, `4.5M` */
export function briefCount(count: number): string {
  return scaled(count, 1_000, ["", "k", "M", "G", "T"]);
}

/** `950`, `12.3K`, `4.5M`, in powers of 1024 */
export function briefSize(bytes: number): string {
  return scaled(bytes, KIB, ["", "K", "M", "G", "T"]);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let unit = 0;
  let left = value;
  while (left >= base * 0.9995 && unit < units.length - 1) {
    left /= base;
    unit++;
  }
  const digits = unit > 0 && left < 99.95 ? 1 : 0;
  return `${left.toFixed(digits)}${units[unit] ?? ""}`;
}

/** A bar for each value, as high as its part of the highest. */
export function sparkline(values: readonly number[], { unicode }: ScreenStyle): string {
  const blocks = unicode ? BLOCKS.unicode : BLOCKS.ascii;
  const steps = blocks.length - 1;
  const max = Math.max(0, ...values);
  return values
    .map((value) => blocks.charAt(value <= 0 ? 0 : Math.max(1, Math.round((value / max) * steps))))
    .join("");
}
