/**
 * The terminal while `portico top` has it: the other screen, keys one by one, its size. Leaves it
 * as it was, however the program ends.
 */
import type { ReadStream, WriteStream } from "node:tty";
import type { ScreenSize } from "./top-screen.ts";

export type Key = "up" | "down" | "page-up" | "page-down" | "stack" | "leave" | "quit" | "pause";

/** XTerm Control Sequences: the alternate screen, the cursor, updates that come in one piece. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const BEGIN_UPDATE = "\x1b[?2026h\x1b[H";
const END_UPDATE = "\x1b[J\x1b[?2026l";
const CLEAR_TO_LINE_END = "\x1b[K";
/** After so long, what could go on is all that a key sends: Escape, by itself. */
const KEY_WAIT_MS = 50;
/** Of a terminal that does not say. */
const FALLBACK_SIZE = { columns: 80, rows: 24 };

/** What keys send, VT100 and its kin; the longest first. */
const KEYS: readonly (readonly [bytes: string, key: Key])[] = [
  ["\x1b[5~", "page-up"],
  ["\x1b[6~", "page-down"],
  ["\x1b[A", "up"],
  ["\x1bOA", "up"],
  ["\x1b[B", "down"],
  ["\x1bOB", "down"],
  ["k", "up"],
  ["j", "down"],
  ["s", "stack"],
  ["S", "stack"],
  ["\r", "stack"],
  ["q", "quit"],
  ["Q", "quit"],
  ["\x03", "quit"],
  ["\x1a", "pause"],
  ["\x1b", "leave"],
];

/** What a key has sent, and what may be the beginning of what one sends. */
export interface Typed {
  readonly keys: readonly Key[];
  readonly rest: string;
}

/** What means nothing here is passed over. @param isAll nothing comes behind it */
export function readKeys(typed: string, isAll: boolean): Typed {
  const keys: Key[] = [];
  for (let at = 0; at < typed.length;) {
    const left = typed.slice(at);
    const isBegin = KEYS.some(([bytes]) => bytes.length > left.length && bytes.startsWith(left));
    if (isBegin && !isAll) return { keys, rest: left };
    const found = KEYS.find(([bytes]) => left.startsWith(bytes));
    if (found !== undefined) keys.push(found[1]);
    at += found?.[0].length ?? 1;
  }
  return { keys, rest: "" };
}

export interface TerminalEvents {
  onKey(key: Key): void;
  /** Whatever is shown is to be drawn anew. */
  onResize(): void;
  /** There is no terminal any more. */
  onGone(): void;
}

export class TopTerminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #events: TerminalEvents;
  #isOpen = false;
  #typed = "";
  #keyTimer: NodeJS.Timeout | null = null;

  constructor(input: ReadStream, output: WriteStream, events: TerminalEvents) {
    this.#input = input;
    this.#output = output;
    this.#events = events;
  }

  get size(): ScreenSize {
    const { columns, rows } = this.#output;
    // Node says 0 of a terminal that has no size.
    return columns > 0 && rows > 0 ? { columns, rows } : FALLBACK_SIZE;
  }

  open(): void {
    this.#enter();
    this.#input.setEncoding("latin1").on("data", this.#onData);
    this.#input.on("end", this.#onGone).on("error", this.#onGone);
    this.#output.on("resize", this.#onResize).on("error", this.#onGone);
    process.on("SIGCONT", this.#onContinued);
    process.on("exit", this.#leave);
  }

  /** Idempotent. */
  close(): void {
    this.#leave();
    if (this.#keyTimer !== null) clearTimeout(this.#keyTimer);
    process.off("exit", this.#leave).off("SIGCONT", this.#onContinued);
    this.#input.off("data", this.#onData).off("end", this.#onGone).pause();
    this.#output.off("resize", this.#onResize);
  }

  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    const text = lines.map((line) => `${line}${CLEAR_TO_LINE_END}`).join("\r\n");
    this.#output.write(`${BEGIN_UPDATE}${text}${END_UPDATE}`);
  }

  /** As the terminal's driver does it for programs that leave the keys to it. */
  suspend(): void {
    this.#leave();
    process.kill(process.pid, "SIGSTOP");
  }

  #enter(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#input.setRawMode(true);
    this.#output.write(ENTER);
  }

  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#output.write(LEAVE);
    this.#input.setRawMode(false);
  };

  readonly #onContinued = (): void => {
    // Somebody else may have had the terminal meanwhile.
    this.#leave();
    this.#enter();
    this.#events.onResize();
  };

  readonly #onData = (typed: string | Buffer): void => {
    this.#typed += String(typed);
    this.#takeKeys(false);
  };

  #takeKeys(isAll: boolean): void {
    if (this.#keyTimer !== null) clearTimeout(this.#keyTimer);
    this.#keyTimer = null;
    const { keys, rest } = readKeys(this.#typed, isAll);
    this.#typed = rest;
    for (const key of keys) this.#events.onKey(key);
    if (rest !== "") this.#keyTimer = setTimeout(() => this.#takeKeys(true), KEY_WAIT_MS);
  }

  readonly #onResize = (): void => this.#events.onResize();

  readonly #onGone = (): void => {
    // Nothing can be written to it, and it needs no restoring.
    this.#isOpen = false;
    this.#events.onGone();
  };
}
