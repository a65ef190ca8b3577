/**
 * Options: what the program is to the system that it runs on.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

const ACCOUNT = /^(?:\d{1,10}|[A-Za-z_][A-Za-z0-9_.@\\-]*\$?)$/;

export const SYSTEM_OPTIONS = {
  user: {
    kind: "text",
    group: "System",
    flag: "--user",
    short: "-u",
    placeholder: "USER",
    fallback: null,
    pattern: ACCOUNT,
    expects: "a user's name or number",
    alsoCalled: ["--uid"],
    summary: "user to become once the sockets are bound; for a start as root",
    help:
      "Sockets are bound, the PID file is written, and then Portico becomes this user for good, " +
      "before any code of the application is loaded: with the supplementary groups of the user, " +
      "and checked that there is no way back. Socket files, the PID file and the error log are " +
      "given to the user, and nothing else is. `$HOME` stays what it was, as with gunicorn: set " +
      "it with `--env HOME=...` where the application needs it. Files that are to be removed at " +
      "the end need a folder that the user may write to. A number that the user database does " +
      "not have needs `--group` too. Not as root, only the own user is accepted.",
    since: "0.1.0",
  },
  group: {
    kind: "text",
    group: "System",
    flag: "--group",
    short: "-g",
    placeholder: "GROUP",
    fallback: null,
    pattern: ACCOUNT,
    expects: "a group's name or number",
    alsoCalled: ["--gid"],
    summary: "group to become; the user's own where it is not given",
    help: "See `--user`. Without that, root stays root, in this group alone.",
    since: "0.1.0",
  },
  umask: {
    kind: "text",
    group: "System",
    flag: "--umask",
    placeholder: "OCTAL",
    fallback: null,
    pattern: /^(?:0o?)?[0-7]{1,3}$/,
    expects: "an octal number such as 027",
    summary: "permissions that new files do not get, in octal",
    help:
      "For the files of Unix sockets, and for every file that the application makes. `007` lets " +
      "the group, for instance a front proxy's, connect to a Unix socket; nobody else. Not " +
      "given: the one that Portico was started with.",
    since: "0.1.0",
  },
  pidFile: {
    kind: "text",
    group: "System",
    flag: "--pid-file",
    short: "-p",
    placeholder: "FILE",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "a file",
    alsoCalled: ["--pid", "--pidfile"],
    summary: "file for the gateway's PID, while it runs",
    help:
      "Written once the sockets are bound, removed at the end if it still says the same. A file " +
      "that names a Portico which is alive refuses the start; one that names nobody, or another " +
      "program, is left from a kill -9 and replaced. After USR2 the new process writes its own.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
