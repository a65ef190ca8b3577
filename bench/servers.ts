/**
 * The servers that are compared, and how each is started: one worker, the settings that its own
 * manual recommends for that, access logs off, connections kept where it can. Each choice is
 * printed with the results.
 */
import path from "node:path";

export const PROJECT_FOLDER = path.resolve(import.meta.dirname, "..");
export const ENVIRONMENT_FOLDER = path.join(PROJECT_FOLDER, ".environments", "bench");
export const APPLICATIONS_FOLDER = path.join(import.meta.dirname, "applications");

/** What is served, and the module in `applications/` that serves it. */
export const APPLICATIONS = {
  hello: "hello",
  flask: "flask_hello",
  django: "django_hello",
  pyramid: "pyramid_hello",
} as const;

export type ApplicationName = keyof typeof APPLICATIONS;

export interface BenchServer {
  readonly name: string;
  /** The Python distribution whose version is printed; null for Portico itself. */
  readonly distribution: string | null;
  /** Why it is started as it is. */
  readonly settings: string;
  command(module: string, port: number): readonly [program: string, ...args: string[]];
}

const program = (name: string): string => path.join(ENVIRONMENT_FOLDER, "bin", name);

export const SERVERS: readonly BenchServer[] = [
  {
    name: "portico",
    distribution: null,
    settings: "one worker; the gateway's process is counted too",
    command: (module, port) => [
      path.join(PROJECT_FOLDER, "bin", "portico"),
      `--python=${program("python3")}`,
      "--workers=1",
      `--bind=127.0.0.1:${port}`,
      `${module}:app`,
    ],
  },
  {
    name: "bjoern",
    distribution: "bjoern",
    settings: "it has one process and no settings",
    command: (module, port) => [program("python3"), "run_bjoern.py", module, String(port)],
  },
  {
    name: "granian",
    distribution: "granian",
    settings: "one worker, HTTP/1 only and no WebSockets, as its own benchmarks have it",
    command: (module, port) => [
      program("granian"),
      "--interface=wsgi",
      "--workers=1",
      "--http=1",
      "--no-ws",
      "--log-level=warning",
      "--host=127.0.0.1",
      `--port=${port}`,
      `${module}:app`,
    ],
  },
  {
    name: "gunicorn sync",
    distribution: "gunicorn",
    settings: "one worker of the default class, which closes each connection after one answer",
    command: (module, port) => gunicorn(module, port, ["--worker-class", "sync"]),
  },
  {
    name: "gunicorn gthread",
    distribution: "gunicorn",
    settings: "one worker, four threads, connections kept for 5 s",
    command: (module, port) =>
      gunicorn(module, port, ["--worker-class", "gthread", "--threads", "4", "--keep-alive", "5"]),
  },
  {
    name: "waitress",
    distribution: "waitress",
    settings: "its default of four threads",
    command: (module, port) => [
      program("waitress-serve"),
      `--listen=127.0.0.1:${port}`,
      `${module}:app`,
    ],
  },
];

function gunicorn(module: string, port: number, choices: readonly string[]): [string, ...string[]] {
  const common = ["--workers", "1", "--log-level", "warning", "--bind", `127.0.0.1:${port}`];
  return [program("gunicorn"), ...common, ...choices, `${module}:app`];
}
