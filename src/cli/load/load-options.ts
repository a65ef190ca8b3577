/**
 * The options of `portico load`, one record each: `portico load --help` and `docs/load.md` follow
 * from them. Must not know how a load is carried out.
 */
import type { OptionSpec } from "../../options/option-spec.ts";
import { COMMAND_OPTIONS } from "../commands/command-records.ts";

const COMMON = { group: "General", since: "0.1.0", commandLineOnly: true, help: "" } as const;
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const COUNT_MAX = 1_000_000_000;

export const CONNECTIONS_MAX = 60_000;
export const FORKS_MAX = 256;

export const LOAD_OPTIONS = {
  connections: {
    ...COMMON,
    kind: "integer",
    flag: "--connections",
    short: "-c",
    placeholder: "COUNT",
    fallback: 10,
    min: 1,
    max: CONNECTIONS_MAX,
    alsoCalled: ["--concurrency"],
    summary: "connections that are open at the same time",
  },
  durationMs: {
    ...COMMON,
    kind: "duration",
    flag: "--duration",
    short: "-d",
    placeholder: "TIME",
    fallback: null,
    min: SECOND / 10,
    max: 24 * HOUR,
    alsoCalled: ["--time"],
    summary: "how long requests are sent (30, 500ms, 5m); 10s without -n",
  },
  rate: {
    ...COMMON,
    kind: "integer",
    flag: "--rate",
    short: "-r",
    placeholder: "COUNT",
    fallback: null,
    min: 1,
    max: 10_000_000,
    alsoCalled: ["--qps", "--rps"],
    summary: "requests a second, at even intervals whatever the server does",
  },
  requests: {
    ...COMMON,
    kind: "integer",
    flag: "--requests",
    short: "-n",
    placeholder: "COUNT",
    fallback: null,
    min: 1,
    max: COUNT_MAX,
    alsoCalled: ["--amount"],
    summary: "how many requests are sent; without -d however long it takes",
  },
  method: {
    ...COMMON,
    kind: "text",
    flag: "--method",
    short: "-m",
    placeholder: "METHOD",
    fallback: null,
    alsoCalled: ["--request"],
    summary: "GET, or POST where there is a body",
  },
  headers: {
    ...COMMON,
    kind: "text",
    flag: "--header",
    short: "-H",
    placeholder: "'NAME: VALUE'",
    fallback: [],
    separator: "\n",
    summary: "field of each request; may be given more than once",
  },
  body: {
    ...COMMON,
    kind: "text",
    flag: "--body",
    placeholder: "TEXT|@FILE",
    fallback: null,
    alsoCalled: ["--data", "--body-file"],
    summary: "content of each request",
  },
  forks: {
    ...COMMON,
    kind: "integer",
    flag: "--forks",
    placeholder: "COUNT",
    fallback: 1,
    min: 1,
    max: FORKS_MAX,
    alsoCalled: ["--threads", "--workers"],
    summary: "processes that share the load, where one is not enough",
  },
  timeoutMs: {
    ...COMMON,
    kind: "duration",
    flag: "--timeout",
    placeholder: "TIME",
    fallback: 10 * SECOND,
    min: 100,
    max: HOUR,
    summary: "for connecting and the whole answer together",
  },
  noKeepAlive: {
    ...COMMON,
    kind: "boolean",
    flag: "--no-keep-alive",
    fallback: false,
    alsoCalled: ["--disable-keepalive"],
    summary: "a connection for each request",
  },
  unixSocket: {
    ...COMMON,
    kind: "text",
    flag: "--unix-socket",
    placeholder: "PATH",
    fallback: null,
    pattern: /^[^\0]+$/,
    expects: "the path of a Unix socket",
    summary: "connect there, and take only path and Host from the URL",
  },
  json: COMMAND_OPTIONS.json,
  help: COMMAND_OPTIONS.help,
} as const satisfies Record<string, OptionSpec>;

export type LoadOptionKey = keyof typeof LOAD_OPTIONS;

export const LOAD_OPTION_KEYS = Object.keys(LOAD_OPTIONS) as readonly LoadOptionKey[];

/** The record of an option, seen as what all have in common. */
export function loadOption(key: LoadOptionKey): OptionSpec {
  return LOAD_OPTIONS[key];
}
