/**
 * The least request, on bare WSGI and through each framework, and what changes with the number of
 * workers and of connections.
 */
import { type Entrant, entrant, EVERY_SERVER } from "../entrants.ts";
import { type Goal, goal, times } from "../goals.ts";
import { ACCESS_LOG_FILE } from "../servers.ts";
import type { Work, WrkLoad } from "../work.ts";

/** wrk on `/` with 64 connections, where nothing else is said. */
export const HELLO_LOAD: WrkLoad = {
  kind: "wrk",
  path: "/",
  connections: 64,
  seconds: 2,
  bodyBytes: null,
  bytesIn: null,
};

const HELLO: Work = {
  name: "hello",
  about: "the least WSGI application",
  isMain: true,
  module: "hello",
  load: HELLO_LOAD,
  isStartedAnew: false,
  // Without a number of threads Granian starts hundreds, which one interpreter lock slows down.
  entrants: [...EVERY_SERVER, entrant("granian", { name: "granian, any threads", threads: null })],
  metrics: ["cpuUsPerRequest", "requestsPerSecond", "p50Ms", "p99Ms", "pssMib"],
  goals: [
    goal("cpuUsPerRequest", times(1, "bjoern")),
    goal("cpuUsPerRequest", times(0.25, "granian")),
    goal("cpuUsPerRequest", times(0.08, "gunicorn sync")),
  ],
};

const FRAMEWORK_GOALS: readonly Goal[] = [
  goal("requestsPerSecond", times(1, "bjoern")),
  goal("requestsPerSecond", times(2, "granian")),
  goal("cpuUsPerRequest", times(1.1, "bjoern")),
];

const FRAMEWORKS: readonly Work[] = ["flask", "django", "pyramid"].map((framework) => ({
  ...HELLO,
  name: framework,
  about: `the least ${framework[0]?.toUpperCase()}${framework.slice(1)} application`,
  module: `${framework}_hello`,
  entrants: EVERY_SERVER,
  goals: FRAMEWORK_GOALS,
}));

const LOGGING = "portico, JSON log";

/** On the framework whose requests cost least, so that a line costs most in comparison. */
const ACCESS_LOG: Work = {
  ...HELLO,
  name: "access-log",
  about: "the least Pyramid application, without and with an access log in JSON, to a file",
  isMain: false,
  module: "pyramid_hello",
  entrants: [
    entrant("portico"),
    entrant("portico", {
      name: LOGGING,
      flags: [`--access-log=${ACCESS_LOG_FILE}`, "--access-log-format=json"],
    }),
  ],
  metrics: ["cpuUsPerRequest", "requestsPerSecond", "p50Ms", "p99Ms"],
  goals: [goal("cpuUsPerRequest", times(1.1, "portico"), { entrant: LOGGING })],
};

function inWorkers(count: number): Entrant {
  return entrant("portico", { name: `portico, ${count} workers`, workers: count });
}

/** As many requests a second for each of several workers as for one alone. */
function perWorkerGoal(count: number): Goal {
  const { name } = inWorkers(count);
  const bound = times(0.9, "portico");
  return goal("requestsPerSecondPerWorker", bound, { entrant: name, isOpenWhenBusy: true });
}

const WORKERS_METRICS = [
  "requestsPerSecondPerWorker",
  "requestsPerSecond",
  "cpuUsPerRequest",
  "machineBusyPercent",
] as const;

const MORE_WORKERS: readonly Work[] = [2, 4].map((count) => ({
  ...HELLO,
  name: `hello-${count}-workers`,
  about: `the least WSGI application, in one worker and in ${count}`,
  isMain: false,
  entrants: [entrant("portico"), inWorkers(count)],
  metrics: WORKERS_METRICS,
  goals: [perWorkerGoal(count)],
}));

/** Workers that wait need no CPU, so what several bring shows on a small machine too. */
const WAITING_WORKERS: Work = {
  ...HELLO,
  name: "waiting-workers",
  about: "an application that waits for 10 ms, in one worker, in 2 and in 4",
  isMain: false,
  module: "waiting",
  load: { ...HELLO_LOAD, path: "/10", connections: 8 },
  entrants: [entrant("portico"), inWorkers(2), inWorkers(4)],
  metrics: WORKERS_METRICS,
  goals: [perWorkerGoal(2), perWorkerGoal(4)],
};

const LATENCY: readonly Work[] = [1, 4].map((connections) => ({
  ...HELLO,
  name: `latency-${connections}`,
  about:
    connections === 1
      ? "one request after the other on one connection"
      : `one request after the other on each of ${connections} connections`,
  isMain: false,
  load: { ...HELLO_LOAD, connections },
  entrants: [entrant("portico"), entrant("bjoern"), entrant("granian")],
  metrics: ["p50Ms", "p99Ms", "requestsPerSecond", "cpuUsPerRequest"] as const,
  goals: [goal("p50Ms", times(1, "granian")), goal("p50Ms", times(1.5, "bjoern"))],
}));

export const HELLO_WORKS: readonly Work[] = [
  HELLO,
  ...FRAMEWORKS,
  ACCESS_LOG,
  ...MORE_WORKERS,
  WAITING_WORKERS,
  ...LATENCY,
];
