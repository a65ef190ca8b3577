/**
 * The browser of these tests: where it is, and how it is started.
 */
import { type Browser, chromium } from "playwright-core";
import { findProgram, requireProgram } from "../system-programs.ts";

/** What a page gets to show something, on a machine that is busy. */
export const SHOWN_WITHIN_MS = 30_000;

/** @returns null where there is none, and the tests may do without */
export function chromiumProgram(): string | null {
  return (
    findProgram("chromium-browser") ?? findProgram("google-chrome") ?? requireProgram("chromium")
  );
}

/** The sandbox is not to be had as root nor in most containers; only our pages are opened. */
export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}
