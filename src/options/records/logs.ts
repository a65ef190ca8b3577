/**
 * Options: what is written down of what happens, where to, and in which form.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const LOGS_OPTIONS = {
  accessLog: {
    kind: "text",
    group: "Logs",
    flag: "--access-log",
    placeholder: "FILE",
    fallback: "auto",
    words: ["auto"],
    offAllowed: true,
    pattern: /^[^\0]+$/,
    expects: "a file, or - for standard output",
    alsoCalled: ["--access-logfile", "--no-access-log", "--disable-access-log"],
    summary: "one line for each request: a file, or - for standard output",
    help:
      "`auto` is `-`, and `off` with --quiet. A file is appended to, made where it is not there, " +
      "and opened anew on USR1, for logrotate without `copytruncate`. Lines are written " +
      "together, at the latest after 100 ms, and no request waits for them: where a reader or a " +
      "disk does not keep up, lines are dropped, and the error log says how many. What --livez " +
      "and --readyz answer is not in it. [observe.md](observe.md) has every field. gunicorn " +
      "`--access-logfile`, which is off by default.",
    since: "0.1.0",
  },
  accessLogFormat: {
    kind: "text",
    group: "Logs",
    flag: "--access-log-format",
    placeholder: "FORMAT",
    fallback: null,
    expects: "common, combined, timed, json, or a format such as '%(h)s \"%(r)s\" %(s)s %(D)s'",
    alsoCalled: ["--access-logformat"],
    summary: "common, combined, timed, json, or a format with gunicorn's atoms",
    help:
      "`common` and `combined` are Apache's; `timed` is `combined` with the times, the worker " +
      "and the request's id behind it; `json` is an object in each line. A format string has " +
      "gunicorn's atoms, such as `%(h)s` and `%({referer}i)s`, and some of our own, such as " +
      "`%(queue_us)s`: [observe.md](observe.md) has them all. An atom that is not known ends the " +
      "program with status 2. Not given: `json` with `--log-format json`, columns for a person " +
      "at a terminal (in colour, unless `$NO_COLOR` is set), else `timed`.",
    since: "0.1.0",
  },
  errorLog: {
    kind: "text",
    group: "Logs",
    flag: "--error-log",
    placeholder: "FILE",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "a file",
    alsoCalled: ["--error-logfile", "--log-file"],
    summary: "file for what would go to standard error",
    help:
      "The log, and what the application writes to standard error. Appended to; made where it is " +
      "not there. The signal USR1 opens it anew, in all processes, after it was moved away: " +
      "logrotate without `copytruncate`. Without it USR1 leaves standard error alone. gunicorn " +
      "`--error-logfile`.",
    since: "0.1.0",
  },
  logFormat: {
    kind: "choice",
    group: "Logs",
    flag: "--log-format",
    fallback: "text",
    words: ["text", "json"],
    summary: "shape of the lines on standard error",
    help:
      "`json`: an object in each line, with `time`, `level`, `message`, and where there are any " +
      "`fields` and `details` (a traceback, for example); the access log is JSON then as well, " +
      "unless --access-log-format says otherwise. What the application writes to standard error " +
      "by itself is passed on as it is.",
    since: "0.1.0",
  },
  logLevel: {
    kind: "choice",
    group: "Logs",
    flag: "--log-level",
    fallback: "info",
    words: ["error", "warn", "info", "debug"],
    summary: "least urgent lines that are written to standard error",
    help:
      "`error`: what needs somebody. `warn`: what may. `info`: what happened, such as a worker " +
      "that was replaced. With --quiet `info` is `warn`. The access log does not go by it.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
