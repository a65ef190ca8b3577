/**
 * Options: the program itself, and what it says.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const GENERAL_OPTIONS = {
  config: {
    kind: "text",
    group: "General",
    flag: "--config",
    alsoCalled: ["-c"],
    placeholder: "FILE",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "a JSON file",
    summary: "JSON file of options; keys are flags without hyphens in front",
    help:
      'One object, for instance `{"workers": 4, "timeout": "90s", "bind": ["127.0.0.1:8000"]}`. ' +
      "Values are written as on the command line, or as JSON numbers, booleans and lists. Flags " +
      "and the environment override it.",
    since: "0.1.0",
  },
  controlSocket: {
    kind: "text",
    group: "General",
    flag: "--control-socket",
    placeholder: "PATH",
    fallback: "auto",
    words: ["auto"],
    offAllowed: true,
    pattern: /^[^\0]+$/,
    expects: "a path",
    alsoCalled: ["--no-control-socket", "--control-socket-path"],
    summary: "Unix socket for portico reload, status, top and the other commands",
    help:
      "`auto`: `portico-PID.sock` in `$RUNTIME_DIRECTORY`, else `$XDG_RUNTIME_DIR/portico`, else " +
      "`/run/portico` for root, else `portico-UID` in the folder for temporary files. Only the " +
      "user that Portico runs as, and root, can connect. Where none can be made, as on a " +
      "read-only file system, one line says so, and the signals are left. " +
      "[commands.md](commands.md).",
    since: "0.1.0",
  },
  errorFormat: {
    kind: "choice",
    group: "General",
    flag: "--error-format",
    fallback: "text",
    words: ["text", "json"],
    summary: "shape of the gateway's own error answers",
    help:
      "`text`: the status and a sentence. `json`: the same as application/problem+json (RFC " +
      "9457), for sites whose clients are programs. The application's own errors are not touched.",
    since: "0.1.0",
  },
  errorPage: {
    kind: "text",
    group: "General",
    flag: "--error-page",
    placeholder: "FILE",
    fallback: null,
    pattern: /^[^\0]+\.(?:html?|txt|json)$/i,
    expects: "a file that ends in .html, .txt or .json",
    summary: "page sent as the gateway's own error answers",
    help:
      "Goes before --error-format. Read once, at start; at most 64 KiB of UTF-8. `{status}`, " +
      "`{reason}`, `{detail}` and `{request-id}` in it are replaced ([errors.md](errors.md)). " +
      "It should need no other file: the server may be in trouble when it is sent.",
    since: "0.1.0",
  },
  quiet: {
    kind: "boolean",
    group: "General",
    flag: "--quiet",
    short: "-q",
    fallback: false,
    summary: "print warnings and errors only",
    help:
      "No lines at the start; --log-level `warn`, where it is `info`; and no access log, unless " +
      "--access-log names a place for it.",
    since: "0.1.0",
  },
  help: {
    kind: "boolean",
    group: "General",
    flag: "--help",
    short: "-h",
    fallback: false,
    commandLineOnly: true,
    summary: "print this text and exit",
    help: "Prints every option with its default, then exits with status 0.",
    since: "0.1.0",
  },
  version: {
    kind: "boolean",
    group: "General",
    flag: "--version",
    short: "-V",
    fallback: false,
    commandLineOnly: true,
    summary: "print the version and exit",
    help: "Prints Portico's version, then exits with status 0.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
