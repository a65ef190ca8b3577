/**
 * A traceback as Python prints it, taken apart for people to read. Whatever it does not know stays
 * text: nothing is lost, and nothing can fail. Knows nothing of how it is shown.
 */

/** One `File "...", line N, in NAME`; `name` is null where the file could not be compiled. */
export interface TracebackFrame {
  readonly kind: "frame";
  readonly file: string;
  readonly line: number;
  readonly name: string | null;
  /** The source line, and marks below it, without the indentation that they have in common. */
  readonly code: readonly string[];
}

/** An exception: its type and what it says, which may have several lines. */
export interface TracebackError {
  readonly kind: "error";
  readonly text: string;
}

/** How the exception above led to the one below, or another remark of Python's. */
export interface TracebackRemark {
  readonly kind: "remark";
  readonly text: string;
}

export type TracebackPart = TracebackFrame | TracebackError | TracebackRemark;

const HEADING = "Traceback (most recent call last):";
const FRAME = /^ {2}File "(.+)", line (\d+)(?:, in (.*))?$/;
const CODE_INDENT = "    ";
const REMARKS = [
  /^During handling of the above exception, .*:$/,
  /^The above exception was the direct cause .*:$/,
  /^ {2}\[Previous line repeated .*\]$/,
];

/** @param text see Python's `traceback.format_exception` */
export function parseTraceback(text: string): TracebackPart[] {
  const parts: TracebackPart[] = [];
  /** Code of the frame, or lines of the exception, that may go on. */
  let code: string[] | null = null;
  let error: string[] | null = null;
  const closeError = (): void => {
    const said = error?.join("\n").trim() ?? "";
    if (said !== "") parts.push({ kind: "error", text: said });
    error = null;
  };
  for (const line of text.split("\n")) {
    const frame = FRAME.exec(line);
    if (frame !== null) {
      closeError();
      const [, file = "", lineNumber = "", name = null] = frame;
      code = [];
      parts.push({ kind: "frame", file, line: Number(lineNumber), name, code });
    } else if (line === HEADING || isRemark(line)) {
      closeError();
      code = null;
      if (line !== HEADING) parts.push({ kind: "remark", text: line.trim() });
    } else if (code !== null && line.startsWith(CODE_INDENT)) {
      code.push(line.slice(CODE_INDENT.length));
    } else {
      code = null;
      error ??= [];
      error.push(line);
    }
  }
  closeError();
  return parts;
}

function isRemark(line: string): boolean {
  return REMARKS.some((remark) => remark.test(line));
}

/** The exception that ended everything: the last one; null where there is none. */
export function finalError(parts: readonly TracebackPart[]): string | null {
  return parts.findLast((part) => part.kind === "error")?.text ?? null;
}

/**
 * Where to look first: the innermost frame of the final exception that is the application's own,
 * else the innermost one; null where there are no frames.
 */
export function finalFrame(parts: readonly TracebackPart[]): TracebackFrame | null {
  const end = parts.findLastIndex((part) => part.kind === "error");
  const before = end === -1 ? parts : parts.slice(0, end);
  const begin = before.findLastIndex((part) => part.kind === "error");
  const frames = before.slice(begin + 1).filter((part) => part.kind === "frame");
  return frames.findLast(({ file }) => isOwnFile(file)) ?? frames.at(-1) ?? null;
}

const FOREIGN = /^<|[\\/](?:site|dist)-packages[\\/]|[\\/]lib[\\/]python3\.\d+t?[\\/]/;

/** Whether a file is the application's: not of an installed package, nor of Python's library. */
export function isOwnFile(file: string): boolean {
  return !FOREIGN.test(file);
}
