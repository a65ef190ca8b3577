/**
 * The errors of the program, by whose fault they are.
 *
 * - {@link ProtocolError}: the client's. Carries the response it deserves; never ends the process.
 * - {@link OperatorError}: the person's who started the program. One line, a remedy, an exit
 *   status.
 * - {@link SystemCallError}: the kernel's. Carries the errno name and what was being done.
 * - An assertion that fails is our own: see {@link invariant}.
 */

/** Exit statuses; up to 4 the same as gunicorn's, so that scripts and unit files carry over. */
export const EXIT_STATUS = {
  clean: 0,
  /** A socket could not be opened, or the gateway itself failed. */
  failure: 1,
  /** An option is unknown, out of range, or names something that does not exist. */
  usage: 2,
  /** The application's module did not load. */
  moduleNotLoaded: 3,
  /** The module loaded, but the callable was not found or is not a WSGI application. */
  notAnApplication: 4,
  /** A command for a running portico found none. */
  notRunning: 5,
  /** Nobody was there to say, or not in time, what came of a command that may go on. */
  unknown: 6,
} as const;

export type ExitStatus = (typeof EXIT_STATUS)[keyof typeof EXIT_STATUS];

/** A request that breaks the protocol or a limit. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  /**
   * Stable identifier, UPPER_SNAKE_CASE, for logs and tests; the wording of `message` is not API.
   */
  readonly code: string;
  /** Response status to send, 400 to 505. */
  readonly status: number;
  /** The clause that was broken, for example `RFC 9112 section 6.3`. */
  readonly section: string;

  constructor(code: string, status: number, section: string, message: string) {
    super(message);
    this.code = code;
    this.status = status;
    this.section = section;
  }
}

/** A mistake in how the program was started: printed as one line, then the process exits. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
  readonly exitStatus: ExitStatus;
  /**
   * Further lines for the reader, such as the traceback of the application's own code; null when
   * none.
   */
  readonly details: string | null;

  constructor(exitStatus: ExitStatus, message: string, details: string | null = null) {
    super(message);
    this.exitStatus = exitStatus;
    this.details = details;
  }
}

/** A system call that failed in a way its caller cannot resolve by itself. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  /** The errno's name, for example `EADDRINUSE`. */
  readonly code: string;
  readonly errno: number;
  /** The call, for example `bind`. */
  readonly systemCall: string;

  constructor(code: string, errno: number, systemCall: string, doing: string) {
    super(`${systemCall}: ${code} while ${doing}`);
    this.code = code;
    this.errno = errno;
    this.systemCall = systemCall;
  }
}

/**
 * Asserts what the program itself guarantees.
 *
 * @throws {Error} with the sentence given; whoever catches it drops the connection or worker whose
 *   state is broken.
 */
export function invariant(condition: boolean, sentence: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${sentence}`);
}
