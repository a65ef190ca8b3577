/**
 * Options: which application runs, and in which surroundings.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const APPLICATION_OPTIONS = {
  python: {
    kind: "text",
    group: "Application",
    flag: "--python",
    placeholder: "PROGRAM",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "the path or name of a Python interpreter",
    summary: "Python that runs the application",
    help:
      "Path or name of the interpreter, 3.9 or later. Without it: the active virtual environment " +
      "(VIRTUAL_ENV), else `.venv` in the working folder, else `python3`. Nothing needs to be " +
      "installed in it for Portico.",
    since: "0.1.0",
  },
  chdir: {
    kind: "text",
    group: "Application",
    flag: "--chdir",
    placeholder: "FOLDER",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "a folder",
    alsoCalled: ["--app-dir", "--working-dir", "--working-directory"],
    summary: "working folder of the application; first on sys.path",
    help:
      "The application's processes run in this folder, and it comes first on `sys.path`. Without " +
      "it: the folder in which Portico was started. Relative paths in other options are not " +
      "affected.",
    since: "0.1.0",
  },
  pythonpath: {
    kind: "text",
    group: "Application",
    flag: "--pythonpath",
    placeholder: "FOLDER",
    fallback: [],
    pattern: /^[^\0]+$/,
    expects: "a folder",
    separator: ":",
    summary: "folder to add to sys.path; repeatable",
    help:
      "Added to `sys.path` in the order given, behind the working folder. Parted by `:` in the " +
      "environment.",
    since: "0.1.0",
  },
  env: {
    kind: "assignment",
    group: "Application",
    flag: "--env",
    short: "-e",
    placeholder: "NAME=VALUE",
    fallback: {},
    separator: "\n",
    summary: "environment variable for the application; repeatable",
    help:
      "Set in the application's processes, over what Portico itself was given. One a line in the " +
      "environment variable; an object in the configuration file.",
    since: "0.1.0",
  },
  rootPath: {
    kind: "text",
    group: "Application",
    flag: "--root-path",
    placeholder: "PATH",
    fallback: "",
    pattern: /^(?:\/[^?#\0-\x20\x7f]*[^/?#\0-\x20\x7f])?$/,
    expects: 'a path that begins with "/" and does not end with it, or nothing',
    alsoCalled: ["--url-prefix", "--script-name", "--url-path-prefix"],
    summary: "path that the application is mounted at (SCRIPT_NAME)",
    help:
      "Given to the application as SCRIPT_NAME (PEP 3333), so that the links it makes are right " +
      "behind a proxy that serves it below a path.",
    since: "0.1.0",
  },
  readyPath: {
    kind: "text",
    group: "Application",
    flag: "--ready-path",
    placeholder: "PATH|URL",
    fallback: null,
    pattern: /^(?:https?:\/\/[^/\s]+)?\/[!-~]*$/,
    expects: "a path, or a URL with a host that the application knows",
    summary: "what the application must answer before it is sent traffic",
    help:
      "Each worker of new code is asked with GET, at the start and at each reload, and is ready " +
      "once it answers with a status below 400; the bound is --start-timeout. The Host is " +
      "`localhost`, or that of the URL: Django refuses what is not among its ALLOWED_HOSTS. The " +
      "request does not pass through any rule of the gateway.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
