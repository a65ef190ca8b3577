/**
 * The interpreter's process before anybody listens to it: started, and watched for its end.
 *
 * It imports what it needs of its own first, and waits for the first line
 * (docs/worker-protocol.md): so it can be started ahead, and told to import the application, while
 * the gateway is still being loaded.
 */
import type { ChildProcess } from "node:child_process";
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import { NULL_HANDLER } from "../net/null-handler.ts";
import type { Transport } from "../net/transport.ts";

/** One control line at most; a traceback is the longest thing that comes. */
export const CONTROL_LINE_MAX_BYTES = 4_194_304;

/** How the process is started. */
export interface ZygoteCommand {
  readonly python: string;
  /** The folder `portico_worker`. */
  readonly program: string;
  /** Of the application; shown in lists of processes. */
  readonly reference: string;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

/** An error where it was not started. */
export type ZygoteEnd = { readonly description: string } | { readonly error: Error };

export class ZygoteProcess {
  readonly child: ChildProcess;
  readonly control: ByteStream;
  readonly ended: Promise<ZygoteEnd>;
  /** What it has said before anybody listened: that it is too old, or how the import went. */
  #early: Buffer = Buffer.alloc(0);
  /** The first line that it was told; null where it waits for that. */
  #start: Buffer | null = null;

  constructor(transport: Transport, { python, program, reference, folder, env }: ZygoteCommand) {
    const { child, control } = transport.spawn(python, [program, "zygote", reference], {
      cwd: folder,
      env,
    });
    this.child = child;
    this.control = control;
    control.handler = { ...NULL_HANDLER, onBytes: (bytes, end) => this.#keep(bytes, end) };
    this.ended = new Promise((resolve) => {
      child.once("exit", (status, signal) => {
        const how = signal === null ? `exited with status ${status}` : `was ended by ${signal}`;
        afterNextTurn(() => resolve({ description: how }));
      });
      child.once("error", (error) => resolve({ error }));
    });
  }

  /**
   * Has it import the application. Once.
   *
   * @param start the first line that it is told
   * @returns whether that is what it has begun with
   */
  begin(start: Buffer): boolean {
    if (this.#start === null) {
      this.#start = start;
      this.control.write(start, 0, start.length);
    }
    return this.#start.equals(start);
  }

  /** Whoever speaks with it from now on; hears at once what was said before. */
  listen(handler: ByteStreamHandler): void {
    this.control.handler = handler;
    const early = this.#early;
    this.#early = Buffer.alloc(0);
    if (early.length > 0) handler.onBytes(early, early.length);
  }

  #keep(bytes: Buffer, end: number): void {
    this.#early = Buffer.concat([this.#early, bytes.subarray(0, end)]);
    if (this.#early.length > CONTROL_LINE_MAX_BYTES) this.kill();
  }

  /** Ends the process group, which the zygote leads: with it goes what the import has started. */
  kill(): void {
    const { pid, exitCode, signalCode } = this.child;
    // The number of a process that is gone may be somebody else's by now.
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // It has not become a leader yet, or could not.
      this.child.kill("SIGKILL");
    }
  }
}

/**
 * An end is heard of by a signal, perhaps before what came last over the socket, such as why the
 * import has failed. The turn of the loop between the two immediates reads that. The socket's
 * end is nothing to wait for: the zygote's guardian has it open for longer.
 */
function afterNextTurn(task: () => void): void {
  setImmediate(() => setImmediate(task));
}

/** A process for the first zygote, to be taken once. */
export class ZygoteAhead {
  #process: ZygoteProcess | null;

  constructor(process: ZygoteProcess) {
    this.#process = process;
  }

  /** Has it import the application ahead, too. */
  begin(start: Buffer): void {
    this.#process?.begin(start);
  }

  /**
   * @param start what it is to begin with, or has
   * @returns null where it was taken before. One that has begun with something else is ended.
   */
  take(start: Buffer): ZygoteProcess | null {
    if (this.#process?.begin(start) === false) this.close();
    const taken = this.#process;
    this.#process = null;
    return taken;
  }

  /** Ends it where nobody has taken it. */
  close(): void {
    this.#process?.kill();
    this.#process = null;
  }
}
