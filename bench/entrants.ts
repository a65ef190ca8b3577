/**
 * Who takes part in a work: a server with its settings there. One server may take part several
 * times, under different names.
 */
import path from "node:path";
import { type ServerName, SERVERS, type Setup } from "./servers.ts";

export interface Entrant {
  /** As it stands in the table; "portico" is whom goals and ratios are about. */
  readonly name: string;
  readonly server: ServerName;
  readonly setup: Setup;
  /** Connections that are open beside the load and say nothing more; needs `isInspected`. */
  readonly idleConnections: number;
  /** Whether its Node.js can be asked for its memory, as counting bytes a connection needs. */
  readonly isInspected: boolean;
}

/** Threads are what each server is given for one worker where the work asks for nothing else. */
const THREADS: Readonly<Record<ServerName, number>> = {
  portico: 1,
  bjoern: 1,
  granian: 1,
  "gunicorn sync": 1,
  "gunicorn gthread": 4,
  waitress: 4,
};

type Choices = Partial<Setup & Omit<Entrant, "server" | "setup">>;

/** One worker and nothing special, apart from what is chosen. */
export function entrant(server: ServerName, choices: Choices = {}): Entrant {
  const { name = server, idleConnections = 0, isInspected = false } = choices;
  const { workers = 1, flags = [] } = choices;
  const threads = choices.threads === undefined ? THREADS[server] : choices.threads;
  return { name, server, setup: { workers, threads, flags }, idleConnections, isInspected };
}

/** All servers with one worker each. */
export const EVERY_SERVER: readonly Entrant[] = [
  entrant("portico"),
  entrant("bjoern"),
  entrant("granian"),
  entrant("gunicorn sync"),
  entrant("gunicorn gthread"),
  entrant("waitress"),
];

/**
 * The same without gunicorn's gthread class, for what is the program's and not the class's: how it
 * starts, and how it reads and writes content.
 */
export const EVERY_PROGRAM: readonly Entrant[] = EVERY_SERVER.filter(
  ({ server }) => server !== "gunicorn gthread",
);

/** The command as one would type it, with a name in place of the module, and why it is so. */
export function describeSettings({ server, setup }: Entrant): string {
  const choice = SERVERS[server];
  const [program, ...args] = choice.command({ module: "MODULE", port: 8000 }, setup);
  const shown = args.filter((argument) => !argument.startsWith("--python="));
  return `${[path.basename(program), ...shown].join(" ")}\n    ${choice.reason}`;
}
