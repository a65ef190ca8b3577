/**
 * The sites in `examples/`, as the tests start them: each with its framework, under Portico or
 * under gunicorn.
 *
 * All of them have the same paths and forms, so that one test drives each. Must not know what is
 * asked of them.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { PROJECT_FOLDER, type ServerProcess, startPortico, startServer } from "./server-process.ts";

export interface Site {
  readonly framework: "Flask" | "Django" | "Pyramid";
  /** Working folder of the application. */
  readonly folder: string;
  readonly porticoReference: string;
  readonly gunicornReference: string;
  /** Whether the framework lets an exception of a view through, so that the server answers 500. */
  readonly raisesToServer: boolean;
}

const EXAMPLES = path.join(PROJECT_FOLDER, "examples");

export const SITES: readonly Site[] = [
  {
    framework: "Flask",
    folder: EXAMPLES,
    porticoReference: "flask_site",
    gunicornReference: "flask_site:create_app()",
    raisesToServer: false,
  },
  {
    framework: "Django",
    folder: path.join(EXAMPLES, "django_site"),
    porticoReference: "mysite.wsgi",
    gunicornReference: "mysite.wsgi",
    raisesToServer: false,
  },
  {
    framework: "Pyramid",
    folder: EXAMPLES,
    porticoReference: "pyramid_site",
    gunicornReference: "pyramid_site:make_app()",
    raisesToServer: true,
  },
];

/** Portico by each of its transports, and in each class of workers. */
export const PORTICO_SERVERS = ["epoll", "node", "thread", "request"] as const;
export type PorticoServer = (typeof PORTICO_SERVERS)[number];

/** What answers: Portico, or the server that it is compared with. */
export type SiteServer = "gunicorn" | PorticoServer;

const PORTICO_ARGUMENTS: Readonly<Record<PorticoServer, readonly string[]>> = {
  epoll: ["--transport", "epoll"],
  node: ["--transport", "node"],
  thread: ["--worker-class", "thread", "--threads", "4"],
  request: ["--worker-class", "request"],
};

const ENVIRONMENT_PROGRAMS = path.join(PROJECT_FOLDER, ".environments", "frameworks", "bin");

/** Starts the site with sessions that a restart, or another server, understands too. */
export function startSite(site: Site, server: SiteServer): Promise<ServerProcess> {
  const python = path.join(ENVIRONMENT_PROGRAMS, "python3");
  assert(existsSync(python), `${python} is missing: npm test makes it`);
  const options = {
    cwd: site.folder,
    env: {
      SITE_SECRET_KEY: "known to the tests",
      PYTHONDONTWRITEBYTECODE: "1",
      // Flask writes a set into the Allow field, in an order that changes from run to run.
      PYTHONHASHSEED: "0",
    },
  };
  if (server === "gunicorn") {
    const gunicorn = path.join(ENVIRONMENT_PROGRAMS, "gunicorn");
    return startServer(gunicorn, ["--bind", "127.0.0.1:0", site.gunicornReference], options);
  }
  const choices = [...PORTICO_ARGUMENTS[server], "--python", python, "--workers", "2"];
  return startPortico([...choices, site.porticoReference], options);
}
