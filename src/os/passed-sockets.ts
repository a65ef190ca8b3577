/**
 * What a service manager says in the environment about descriptors that it has opened for this
 * process, sd_listen_fds(3). Owns the names of the variables; looks at no descriptor.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";

/** A descriptor that this process was started with. */
export interface PassedSocket {
  readonly descriptor: number;
  /** As `FileDescriptorName=` in the socket unit has it; null where none was given. */
  readonly name: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The first one, SD_LISTEN_FDS_START. */
const FIRST_DESCRIPTOR = 3;
/** Bound of how many are looked at. */
const PASSED_SOCKETS_MAX = 256;

const PASSED_SOCKET_VARIABLES: readonly string[] = [
  "LISTEN_FDS",
  "LISTEN_PID",
  "LISTEN_PIDFDID",
  "LISTEN_FDNAMES",
];

/**
 * What is meant for the process that a service manager started, and not for its children: an
 * application that found NOTIFY_SOCKET could speak for us.
 */
const SERVICE_VARIABLES: readonly string[] = [
  ...PASSED_SOCKET_VARIABLES,
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
];

/**
 * The sockets that were passed to the process with this PID, none where they are for another one.
 *
 * @throws {OperatorError} exit status 2: LISTEN_FDS is no number, or too large
 */
export function passedSockets(env: Environment, pid: number): PassedSocket[] {
  const count = env["LISTEN_FDS"];
  if (count === undefined || env["LISTEN_PID"] !== String(pid)) return [];
  if (!/^\d{1,9}$/.test(count) || Number(count) > PASSED_SOCKETS_MAX) {
    throw new OperatorError(
      EXIT_STATUS.usage,
      `LISTEN_FDS in the environment is no number up to ${PASSED_SOCKETS_MAX}: ${count}`,
    );
  }
  const names = (env["LISTEN_FDNAMES"] ?? "").split(":");
  return Array.from({ length: Number(count) }, (_, index) => ({
    descriptor: FIRST_DESCRIPTOR + index,
    name: names[index] || null,
  }));
}

/** The environment without what a service manager says to this process alone. */
export function withoutServiceVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !SERVICE_VARIABLES.includes(name)),
  );
}

/**
 * The environment for a process that takes this one's place: what the service manager has said is
 * for it too, but for numbers of descriptors, and of the process with this PID.
 */
export function successorEnvironment(env: NodeJS.ProcessEnv, pid: number): NodeJS.ProcessEnv {
  const isPersonal = (name: string, value: string | undefined): boolean =>
    PASSED_SOCKET_VARIABLES.includes(name) || (name === "WATCHDOG_PID" && value === String(pid));
  return Object.fromEntries(Object.entries(env).filter((entry) => !isPersonal(...entry)));
}
