/**
 * The gateway's view of one zygote: the Python process that has imported the application and forks
 * the workers. Speaks the control conversation of docs/worker-protocol.md; decides nothing.
 */
import { existsSync } from "node:fs";
import { EXIT_STATUS, type ExitStatus, OperatorError } from "../base/errors.ts";
import type { ByteStream, ByteStreamHandler } from "../net/byte-stream.ts";
import type { Transport, WorkerLink } from "../net/transport.ts";
import type { StackPlace } from "./worker-stack.ts";
import {
  CONTROL_LINE_MAX_BYTES,
  type ZygoteAhead,
  type ZygoteCommand,
  ZygoteProcess,
} from "./zygote-process.ts";
import { encodeLine, startLine, type ZygoteStart } from "./zygote-start.ts";

const NEWLINE = 0x0a;
const SIGABRT = 6;
/** Until it answers when it is asked for a sign of life; a fork of much memory comes first. */
const ANSWER_MAX_MS = 3_000;

export interface ZygoteSettings extends ZygoteCommand, ZygoteStart {
  /** For the first zygote; null where it is started when it is needed. */
  readonly ahead: ZygoteAhead | null;
  /** Bound of the import. */
  readonly startTimeoutMs: number;
}

export interface LoadedApplication {
  /** For people: `Flask`, `Django`, ..., `WSGI`. */
  readonly kind: string;
  /** The reference with the attribute that was taken. */
  readonly reference: string;
  readonly python: string;
  readonly executable: string;
  readonly pid: number;
  /** Has a worker write the stacks of its threads, and go on. */
  readonly dumpSignal: number;
  /** Where a worker writes them for whoever asks; null where the system has no such place. */
  readonly stacks: StackPlace | null;
  /** null where the system had no room for one. */
  readonly guardianPid: number | null;
  /** Source files that were imported; empty where nobody asked for them. */
  readonly files: readonly string[];
}

/** How a process ended: exactly one of the two is not null. */
export interface ProcessEnd {
  readonly status: number | null;
  readonly signal: number | null;
}

export interface ZygoteEvents {
  /** Source files that were imported, or that an import has failed in; before `loaded` settles. */
  onFiles(files: readonly string[]): void;
  onForked(worker: number, pid: number): void;
  onForkFailed(worker: number, message: string): void;
  onExited(worker: number, end: ProcessEnd): void;
  /**
   * The zygote itself is gone, and with it all its workers. Called once, after a successful start.
   */
  onGone(description: string): void;
}

export class Zygote implements ByteStreamHandler {
  readonly #events: ZygoteEvents;
  readonly #now: () => number;
  readonly #python: string;
  readonly #process: ZygoteProcess;
  readonly #control: ByteStream;
  readonly #exited: Promise<string>;
  #unread: Buffer = Buffer.alloc(0);
  readonly #loaded: PromiseWithResolvers<LoadedApplication> = Promise.withResolvers();
  #importing = true;
  /** When a sign of life was asked for that has not come; null where none was. */
  #askedAtMs: number | null = null;

  /** Starts the process; {@link loaded} tells how the import went. */
  constructor(
    transport: Transport,
    settings: ZygoteSettings,
    events: ZygoteEvents,
    now: () => number,
  ) {
    this.#events = events;
    this.#now = now;
    this.#python = settings.python;
    const start = startLine(settings);
    this.#process = settings.ahead?.take(start) ?? new ZygoteProcess(transport, settings);
    this.#control = this.#process.control;
    this.#process.listen(this);
    const timer = setTimeout(() => this.#startTimedOut(settings), settings.startTimeoutMs);
    void this.#loaded.promise.then(
      () => clearTimeout(timer),
      () => clearTimeout(timer),
    );
    this.#exited = this.#process.ended.then((end) => {
      if ("description" in end) return end.description;
      const failure = notStarted(end.error, settings);
      this.#loaded.reject(failure);
      return `could not be started (${failure.message})`;
    });
    void this.#exited.then((description) => this.#gone(description));
    this.#process.begin(start);
  }

  get pid(): number | null {
    return this.#process.child.pid ?? null;
  }

  /** @throws {OperatorError} exit status 2, 3 or 4: the application was not loaded */
  get loaded(): Promise<LoadedApplication> {
    return this.#loaded.promise;
  }

  /**
   * Asks for a worker; `onForked` or `onForkFailed` follows.
   *
   * @param links one for each channel, at least one
   */
  fork(worker: number, links: readonly WorkerLink[]): void {
    links.forEach((link, place) => {
      const type = place === links.length - 1 ? "fork" : "channel";
      link.sendOffer(this.#control, encodeLine({ type, worker, link: link.offer }));
    });
  }

  /** Asks for a sign of life; while one is awaited, no other is asked for. */
  ask(): void {
    if (this.#askedAtMs !== null) return;
    this.#askedAtMs = this.#now();
    this.#say({ type: "ping" });
  }

  /** Whether it owes a sign of life for longer than anything that it does should take. */
  get isSilent(): boolean {
    return this.#askedAtMs !== null && this.#now() - this.#askedAtMs > ANSWER_MAX_MS;
  }

  /** Has the log file opened anew, here and in whatever is forked from now on. */
  reopenLog(): void {
    this.#say({ type: "reopen" });
  }

  signal(worker: number, signal: number): void {
    this.#say({ type: "signal", worker, signal });
  }

  /**
   * Ends the zygote and everything that it started.
   *
   * @param boundMs after which it is killed; while it still imports, it cannot listen and is killed
   *   at once
   */
  async end(boundMs: number): Promise<void> {
    this.#say({ type: "end" });
    this.#control.close();
    const timer = setTimeout(() => this.kill(), this.#importing ? 0 : boundMs);
    await this.#exited;
    clearTimeout(timer);
  }

  onBytes(bytes: Buffer, end: number): void {
    let unread = Buffer.concat([this.#unread, bytes.subarray(0, end)]);
    for (let at = unread.indexOf(NEWLINE); at >= 0; at = unread.indexOf(NEWLINE)) {
      const line = unread.toString("utf8", 0, at);
      unread = unread.subarray(at + 1);
      this.#take(line);
    }
    this.#unread = unread;
    if (unread.length > CONTROL_LINE_MAX_BYTES) this.kill();
  }

  onEnd(): void {
    this.#control.close();
  }

  onDrain(): void {}

  onClose(): void {}

  #take(line: string): void {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(line) as Record<string, unknown>;
    } catch {
      // The application wrote to descriptor 3, or the zygote is broken; either way its word is
      // worth nothing.
      this.kill();
      return;
    }
    const worker = Number(message["worker"]);
    switch (message["type"]) {
      case "loaded":
        this.#importing = false;
        this.#events.onFiles(readFiles(message));
        this.#loaded.resolve(readLoaded(message));
        break;
      case "failed":
        this.#events.onFiles(readFiles(message));
        this.#loaded.reject(readFailure(message));
        break;
      case "pong":
        this.#askedAtMs = null;
        break;
      case "forked":
        this.#events.onForked(worker, Number(message["pid"]));
        break;
      case "fork-failed":
        this.#events.onForkFailed(worker, String(message["message"]));
        break;
      case "exited":
        this.#events.onExited(worker, {
          status: numberOrNull(message["status"]),
          signal: numberOrNull(message["signal"]),
        });
        break;
      default:
    }
  }

  #gone(description: string): void {
    this.#control.close();
    this.#loaded.reject(
      new OperatorError(
        EXIT_STATUS.moduleNotLoaded,
        `${this.#python} ${description} while it was importing the application`,
      ),
    );
    this.#events.onGone(description);
  }

  #startTimedOut(settings: ZygoteSettings): void {
    const seconds = settings.startTimeoutMs / 1000;
    this.#loaded.reject(
      new OperatorError(
        EXIT_STATUS.moduleNotLoaded,
        `${settings.reference} was not imported within ${seconds} s; see --start-timeout`,
      ),
    );
    this.kill();
  }

  /** Ends it, and what the import has started. */
  kill(): void {
    this.#process.kill();
  }

  #say(message: object): void {
    const line = encodeLine(message);
    this.#control.write(line, 0, line.length);
  }
}

function notStarted(
  { code, message }: NodeJS.ErrnoException,
  { folder, python }: ZygoteSettings,
): OperatorError {
  // The system says of a folder that is gone that the program is.
  if (!existsSync(folder)) {
    return new OperatorError(EXIT_STATUS.moduleNotLoaded, `the working folder ${folder} is gone`);
  }
  if (code !== "EACCES") {
    return new OperatorError(EXIT_STATUS.moduleNotLoaded, `${python}: ${message}`);
  }
  return new OperatorError(
    EXIT_STATUS.usage,
    `${python}: this user may not run it; give a Python that it may, with --python`,
  );
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function readLoaded(message: Readonly<Record<string, unknown>>): LoadedApplication {
  return {
    kind: String(message["kind"]),
    reference: String(message["reference"]),
    python: String(message["python"]),
    executable: String(message["executable"]),
    pid: Number(message["pid"]),
    dumpSignal: numberOrNull(message["dumpSignal"]) ?? SIGABRT,
    stacks: readStackPlace(message["stacks"]),
    guardianPid: numberOrNull(message["guardianPid"]),
    files: readFiles(message),
  };
}

function readStackPlace(value: unknown): StackPlace | null {
  const { signal, descriptor } = Object(value) as Readonly<Record<string, unknown>>;
  const isPlace = typeof signal === "number" && typeof descriptor === "number";
  return isPlace ? { signal, descriptor } : null;
}

function readFiles(message: Readonly<Record<string, unknown>>): string[] {
  const files = message["files"];
  return Array.isArray(files) ? files.filter((file) => typeof file === "string") : [];
}

function readFailure(message: Readonly<Record<string, unknown>>): OperatorError {
  const status = message["exitStatus"];
  const known = Object.values(EXIT_STATUS).find((value) => value === status);
  const exitStatus: ExitStatus = known ?? EXIT_STATUS.moduleNotLoaded;
  const details = typeof message["details"] === "string" ? message["details"] : null;
  return new OperatorError(exitStatus, String(message["message"]), details);
}
