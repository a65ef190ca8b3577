/**
 * Standard output of a program that prints something and ends: a command, `--help`. Node.js tells
 * later, if anybody listens, that something could not be written; here that is part of how the
 * program ends, as with any other (a full disk is no success).
 *
 * Owns what is said then, and the exit status. Whoever serves prints past it: a gateway goes on
 * where nobody reads.
 */
import type { Writable } from "node:stream";
import { getSystemErrorMessage } from "node:util";
import { EXIT_STATUS } from "../../base/errors.ts";
import type { CommandOutput } from "./command-output.ts";

/** As a shell reports what ended by SIGPIPE, which Node.js ignores. */
const READER_GONE_STATUS = 141;

/** The part of a stream that is written to. */
export type OutputStream = Pick<Writable, "write">;

export class StandardOutput implements CommandOutput {
  readonly #output: OutputStream;
  readonly #complaints: OutputStream;
  #failure: NodeJS.ErrnoException | null = null;

  /** Errors of both streams are listened to elsewhere: those that nobody hears end the process. */
  constructor(output: OutputStream, complaints: OutputStream) {
    this.#output = output;
    this.#complaints = complaints;
  }

  readonly out = (text: string): void => {
    this.#output.write(text, (error) => this.#note(error));
  };

  readonly complain = (text: string): void => {
    this.#complaints.write(text);
  };

  /**
   * Waits until everything has been written, or never will be.
   *
   * @param name of the command, for the complaint; null where there is none
   * @param status with which the program is to end
   * @returns that status; where it would have meant success, and something was not written, another
   */
  async end(name: string | null, status: number): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#output.write("", (error) => {
        this.#note(error);
        resolve();
      });
    });
    const failure = this.#failure;
    if (failure === null) return status;
    const isReaderGone = failure.code === "EPIPE";
    if (!isReaderGone) {
      const who = name === null ? "portico" : `portico: ${name}`;
      this.complain(`${who}: cannot write to standard output: ${describe(failure)}\n`);
    }
    if (status !== EXIT_STATUS.clean) return status;
    return isReaderGone ? READER_GONE_STATUS : EXIT_STATUS.failure;
  }

  /** The first one says why: those that follow, that the stream has ended. */
  #note(error: Error | null | undefined): void {
    this.#failure ??= error ?? null;
  }
}

function describe({ errno, code, message }: NodeJS.ErrnoException): string {
  return errno === undefined ? message : `${getSystemErrorMessage(errno)} (${code})`;
}
