/**
 * Content of all sizes, in requests and in responses: CPU time for each MiB, and memory.
 */
import { EVERY_PROGRAM } from "../entrants.ts";
import { EVERY_PEER, type Goal, goal, times } from "../goals.ts";
import type { Work, WrkLoad } from "../work.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
/**
 * What the whole server may take at any moment, for memory to be bounded: more than it has before
 * the load, and much less than the content that passes through it.
 */
const PEAK_MIB_MAX = 256;

const GOALS: readonly Goal[] = [
  goal("cpuMsPerMib", times(1, EVERY_PEER)),
  goal("peakPssMib", { kind: "limit", limit: PEAK_MIB_MAX }),
];

type Choices = Omit<WrkLoad, "kind">;

function byteWork(name: string, about: string, choices: Choices): Work {
  return {
    name,
    about,
    isMain: false,
    module: "bodies",
    load: { kind: "wrk", ...choices },
    isStartedAnew: false,
    entrants: EVERY_PROGRAM,
    metrics: ["cpuMsPerMib", "mibPerSecond", "cpuUsPerRequest", "requestsPerSecond", "peakPssMib"],
    goals: GOALS,
  };
}

function post(name: string, bodyBytes: number, connections: number, seconds: number): Work {
  const size = bodyBytes >= MIB ? `${bodyBytes / MIB} MiB` : `${bodyBytes / KIB} KiB`;
  const about = `a POST of ${size} that the application reads to its end`;
  const choices = { path: "/", connections, seconds, bodyBytes, bytesIn: "requests" } as const;
  return byteWork(`post-${name}`, about, choices);
}

function response(name: string, about: string, connections: number, seconds: number): Work {
  const path = `/${name}`;
  const choices = { path, connections, seconds, bodyBytes: null, bytesIn: "responses" } as const;
  return byteWork(`response-${name}`, about, choices);
}

/**
 * The larger the content, the fewer connections: what is on its way at the end should be little of
 * the whole.
 */
export const BYTE_WORKS: readonly Work[] = [
  post("1k", KIB, 64, 1),
  post("64k", 64 * KIB, 64, 1),
  post("10m", 10 * MIB, 4, 2),
  response("10k", "a response of 10 KiB in one piece", 64, 1),
  response("1m", "a response of 1 MiB in one piece", 16, 1),
  response("100m", "a response of 100 MiB with its length, in pieces of 64 KiB", 4, 2),
  response("file", "a response of 10 MiB from a file, by wsgi.file_wrapper", 8, 2),
  response("stream", "a response of 1 MiB without its length, in pieces of 4 KiB", 16, 1),
];
