/**
 * From the options about logs to an open access log, and to what is written to standard error. Owns
 * what is chosen where an option leaves it open, and every complaint.
 */
import path from "node:path";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Options } from "../options/registry.ts";
import { LogFile, type LogOutput, openStandardOutput } from "../os/log-output.ts";
import { realClock } from "../os/real-clock.ts";
import { AccessLog } from "../server/access-log/access-log.ts";
import { GatheredLines } from "../server/access-log/gathered-lines.ts";
import { columnFormat, type LineFormat, lineFormat } from "../server/access-log/line-format.ts";

/** Names of standard output. It may be a socket, which cannot be opened by its name. */
const STANDARD_OUTPUT_NAMES: ReadonlySet<string> = new Set(["-", "/dev/stdout"]);
/** For a program that reads, where nothing else is said. */
const DEFAULT_FORMAT = "timed";

/**
 * @param env of this process: whether its user wants colours
 * @param log hears of lines that are lost
 * @returns null where none is wanted
 * @throws {OperatorError} exit status 2: a format that is none, or a file that cannot be opened
 */
export function openAccessLog(
  options: Options,
  env: NodeJS.ProcessEnv,
  log: Log,
): AccessLog | null {
  const place = accessLogPlace(options);
  // A wrong format is a mistake also where nothing is written.
  const given = options.accessLogFormat === null ? null : readFormat(options.accessLogFormat);
  if (place === null) return null;
  const file = STANDARD_OUTPUT_NAMES.has(place) ? null : openFile(place);
  const output = file ?? openStandardOutput();
  if (output === null) return null;
  const format = given ?? defaultFormat(options, output, env);
  return new AccessLog(format, new GatheredLines(output, log, realClock), file, log);
}

/** A file, or `-`; null for none: `--quiet` silences what nobody has asked for. */
export function accessLogPlace(options: Options): string | null {
  if (options.accessLog !== "auto") return options.accessLog;
  return options.quiet ? null : "-";
}

/** @throws {OperatorError} exit status 2 */
function readFormat(text: string): LineFormat {
  const format = lineFormat(text);
  if (format.kind === "line-format") return format;
  throw new OperatorError(
    EXIT_STATUS.usage,
    `--access-log-format: at character ${format.position}: ${format.what}`,
  );
}

function defaultFormat(options: Options, output: LogOutput, env: NodeJS.ProcessEnv): LineFormat {
  if (options.logFormat === "json") return readFormat("json");
  return output.isTerminal ? columnFormat(wantsColours(env)) : readFormat(DEFAULT_FORMAT);
}

/** As no-color.org and terminfo(5) have it. */
function wantsColours(env: NodeJS.ProcessEnv): boolean {
  return !env["NO_COLOR"] && env["TERM"] !== "dumb";
}

/** @throws {OperatorError} exit status 2 */
function openFile(file: string): LogFile {
  try {
    return LogFile.open(path.resolve(file));
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw new OperatorError(
      EXIT_STATUS.usage,
      `--access-log ${file}: the file cannot be opened for appending (${code})`,
    );
  }
}
