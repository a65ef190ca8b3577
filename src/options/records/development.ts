/**
 * Options: for those who are writing the application.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const DEVELOPMENT_OPTIONS = {
  reload: {
    kind: "boolean",
    group: "Development",
    flag: "--reload",
    fallback: false,
    alsoCalled: ["--autoreload", "--py-autoreload", "--debug"],
    summary: "load the code anew when it changes; show why where it does not load",
    help:
      "For development only: whoever can reach the server sees tracebacks. Watches the modules " +
      "that are imported, templates, and what --reload-include names, by the kernel's file " +
      "events. Requests that come after a change wait for the new code, as long as it may take " +
      "to load (--start-timeout). There is " +
      "one worker where --workers says nothing, and --watch-window is not heeded. gunicorn " +
      "`--reload`. [develop.md](develop.md).",
    since: "0.1.0",
  },
  reloadIncludes: {
    kind: "text",
    group: "Development",
    flag: "--reload-include",
    placeholder: "GLOB",
    fallback: [],
    pattern: /^[^\0]+$/,
    expects: "a glob such as '*.toml' or 'config/**/*.yaml'",
    separator: ",",
    alsoCalled: ["--reload-extra-file", "--reload-dir", "--reload-dirs", "--extra-files"],
    summary: "further files to watch for changes; repeatable",
    help:
      "Only with --reload. Without a slash: files of such a name in any folder that is " +
      "watched. With a slash: a path from the folder in which Portico was started; a folder " +
      "stands for all that is in it. `*`, `?`, `[abc]`, `{a,b}`, and `**` for folders at any " +
      "depth; quote it, or the shell reads it first. gunicorn `--reload-extra-file`, uvicorn " +
      "`--reload-include`.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
