/**
 * The servers that are compared, and how each is started: the settings that its own manual
 * recommends, access logs off, connections kept where it can. Each choice is printed with the
 * results.
 */
import path from "node:path";

export const PROJECT_FOLDER = path.resolve(import.meta.dirname, "..");
export const ENVIRONMENT_FOLDER = path.join(PROJECT_FOLDER, ".environments", "bench");
export const APPLICATIONS_FOLDER = path.join(import.meta.dirname, "applications");

/** Where an access log goes that a work asks for, seen from the working folder of the servers. */
export const ACCESS_LOG_FILE = path.relative(
  APPLICATIONS_FOLDER,
  path.join(ENVIRONMENT_FOLDER, "access.log"),
);

/** How one entrant of a work has its server. */
export interface Setup {
  readonly workers: number;
  /** Of each worker, for servers that have threads; null for as many as the server likes. */
  readonly threads: number | null;
  readonly flags: readonly string[];
}

/** What is served, and where. */
export interface Place {
  readonly module: string;
  readonly port: number;
}

export interface BenchServer {
  /** The Python distribution whose version is printed; null for Portico itself. */
  readonly distribution: string | null;
  /** Why it is started as it is. */
  readonly reason: string;
  command(place: Place, setup: Setup): readonly [program: string, ...args: string[]];
}

export type ServerName =
  | "portico"
  | "bjoern"
  | "granian"
  | "gunicorn sync"
  | "gunicorn gthread"
  | "waitress";

const program = (name: string): string => path.join(ENVIRONMENT_FOLDER, "bin", name);

export const SERVERS: Readonly<Record<ServerName, BenchServer>> = {
  portico: {
    distribution: null,
    reason:
      "its defaults apart from the access log, which the others have not or not by default; the " +
      "gateway's process is counted too",
    command: ({ module, port }, { workers, flags }) => [
      path.join(PROJECT_FOLDER, "bin", "portico"),
      `--python=${program("python3")}`,
      `--workers=${workers}`,
      ...(flags.some((flag) => flag.startsWith("--access-log=")) ? [] : ["--access-log=off"]),
      ...flags,
      `--bind=127.0.0.1:${port}`,
      `${module}:app`,
    ],
  },
  bjoern: {
    distribution: "bjoern",
    reason: "it has one process and no settings, and keeps connections",
    command: ({ module, port }) => [program("python3"), "run_bjoern.py", module, String(port)],
  },
  granian: {
    distribution: "granian",
    reason:
      "HTTP/1 only and no WebSockets, and one Python thread a worker where the application waits " +
      "for nothing, as its own benchmarks have it; it keeps connections",
    command: ({ module, port }, { workers, threads, flags }) => [
      program("granian"),
      "--interface=wsgi",
      `--workers=${workers}`,
      ...threadsFlag("--blocking-threads", threads),
      "--http=1",
      "--no-ws",
      "--log-level=warning",
      ...flags,
      "--host=127.0.0.1",
      `--port=${port}`,
      `${module}:app`,
    ],
  },
  "gunicorn sync": {
    distribution: "gunicorn",
    reason: "the default class, which closes each connection after one answer",
    command: (place, setup) => gunicorn(place, setup, ["--worker-class=sync"]),
  },
  "gunicorn gthread": {
    distribution: "gunicorn",
    reason: "the class that keeps connections, for 5 s",
    command: (place, setup) =>
      gunicorn(place, setup, [
        "--worker-class=gthread",
        ...threadsFlag("--threads", setup.threads),
        "--keep-alive=5",
      ]),
  },
  waitress: {
    distribution: "waitress",
    reason: "its default of four threads; it has one process, and keeps connections",
    command: ({ module, port }, { threads, flags }) => [
      program("waitress-serve"),
      ...threadsFlag("--threads", threads),
      ...flags,
      `--listen=127.0.0.1:${port}`,
      `${module}:app`,
    ],
  },
};

function threadsFlag(flag: string, threads: number | null): string[] {
  return threads === null ? [] : [`${flag}=${threads}`];
}

function gunicorn(
  { module, port }: Place,
  { workers, flags }: Setup,
  choices: readonly string[],
): [string, ...string[]] {
  return [
    program("gunicorn"),
    `--workers=${workers}`,
    ...choices,
    "--log-level=warning",
    ...flags,
    `--bind=127.0.0.1:${port}`,
    `${module}:app`,
  ];
}
