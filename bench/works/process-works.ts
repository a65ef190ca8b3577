/**
 * What comes of how the processes are made and fed: requests behind slow ones, idle connections,
 * a process for each request, start, and memory.
 */
import { entrant, EVERY_PROGRAM } from "../entrants.ts";
import { EVERY_PEER, goal, times } from "../goals.ts";
import type { Work } from "../work.ts";
import { HELLO_LOAD } from "./hello-works.ts";

/** Each server can do four things at a time, so that what differs is who gets what. */
const MIXED: Work = {
  name: "mixed",
  about:
    "60 requests a second by chance, 90 % of 1 ms and 10 % of 200 ms, to a server that can do " +
    "four at a time; latencies of the quick ones",
  isMain: false,
  module: "waiting",
  load: {
    kind: "arrivals",
    quickPath: "/1",
    slowPath: "/200",
    slowOneIn: 10,
    requestsPerSecond: 60,
    seconds: 12,
  },
  isStartedAnew: false,
  entrants: [
    entrant("portico", { workers: 4 }),
    entrant("granian", { workers: 4 }),
    entrant("gunicorn sync", { workers: 4 }),
    entrant("gunicorn gthread", { workers: 4, threads: 1 }),
    entrant("waitress", { threads: 4 }),
  ],
  metrics: ["p99Ms", "p50Ms"],
  goals: [goal("p99Ms", times(1, EVERY_PEER))],
};

const IDLE_ENTRANT = "portico, 10,000 idle";
const KEPT_LONG = { flags: ["--keep-alive=10m"], isInspected: true };

const IDLE: Work = {
  name: "idle-10000",
  about: "the least WSGI application on 64 connections, without and with 10,000 idle ones",
  isMain: false,
  module: "hello",
  load: HELLO_LOAD,
  isStartedAnew: true,
  entrants: [
    entrant("portico", KEPT_LONG),
    entrant("portico", { ...KEPT_LONG, name: IDLE_ENTRANT, idleConnections: 10_000 }),
  ],
  metrics: ["p99Ms", "p50Ms", "cpuUsPerRequest", "requestsPerSecond", "gatewayBytesPerConnection"],
  goals: [
    goal("gatewayBytesPerConnection", { kind: "limit", limit: 2048 }, { entrant: IDLE_ENTRANT }),
    // "No change" is what the best of a few rounds can tell from none.
    goal("p99Ms", times(1.1, "portico"), { entrant: IDLE_ENTRANT }),
  ],
};

const CLASS_REQUEST: Work = {
  name: "class-request",
  about: "a process for each request (--worker-class request), with Flask loaded",
  isMain: false,
  module: "flask_hello",
  // Few, so that little is waiting when the warm-up is cut short.
  load: { ...HELLO_LOAD, connections: 8 },
  isStartedAnew: false,
  entrants: [entrant("portico", { flags: ["--worker-class=request"] })],
  metrics: ["requestsPerCpuSecond", "requestsPerSecond", "p50Ms", "p99Ms", "machineBusyPercent"],
  goals: [goal("requestsPerCpuSecond", { kind: "limit", limit: 300 })],
};

const START: Work = {
  name: "start",
  about: "from the start of the first process to the end of the first answer, Flask",
  isMain: false,
  module: "flask_hello",
  load: { kind: "start" },
  isStartedAnew: true,
  entrants: EVERY_PROGRAM,
  metrics: ["startMs", "pssMib"],
  goals: [goal("startMs", { kind: "plus", plus: 150, peer: "gunicorn sync" })],
};

const PRELOADED = "gunicorn sync, --preload";

const MEMORY: Work = {
  name: "memory",
  about: "memory of all processes after a load: four workers with Django",
  isMain: false,
  module: "django_hello",
  load: { ...HELLO_LOAD, seconds: 1 },
  // What processes share would count as less, the more of them there are.
  isStartedAnew: true,
  entrants: [
    entrant("portico", { workers: 4 }),
    entrant("gunicorn sync", { workers: 4 }),
    entrant("gunicorn sync", { name: PRELOADED, workers: 4, flags: ["--preload"] }),
  ],
  metrics: ["pssMib", "requestsPerSecond"],
  goals: ["gunicorn sync", PRELOADED].map((peer) =>
    goal("pssMib", { kind: "plus", plus: 40, peer }),
  ),
};

export const PROCESS_WORKS: readonly Work[] = [MIXED, IDLE, CLASS_REQUEST, START, MEMORY];
