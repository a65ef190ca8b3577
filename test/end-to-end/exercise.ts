/**
 * Starts the application of `applications/exercise.py` for a test, with a file in which it keeps
 * notes.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { rawRequest } from "./raw-client.ts";
import { type ServerProcess, startPortico } from "./server-process.ts";

export const TRANSPORTS = ["epoll", "node"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

export const APPLICATIONS = path.join(import.meta.dirname, "applications");

export class Exercise implements AsyncDisposable {
  readonly server: ServerProcess;
  readonly #folder: string;
  readonly #notes: string;

  constructor(server: ServerProcess, folder: string, notes: string) {
    this.server = server;
    this.#folder = folder;
    this.#notes = notes;
  }

  get port(): number {
    return this.server.port;
  }

  /** What the application noted, line by line: which iterables were closed, what was begun. */
  notes(): string[] {
    return readFileSync(this.#notes, "utf8").split("\n").slice(0, -1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }
}

/**
 * @param name `app`, or `validated` for the same under wsgiref.validate
 * @param module `exercise`, or another in `applications/` that has its routes
 * @param env further variables
 */
export async function startExercise(
  transport: TransportName,
  args: readonly string[] = [],
  name: "app" | "validated" = "app",
  module: "exercise" | "downloads" = "exercise",
  env: Readonly<Record<string, string>> = {},
): Promise<Exercise> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "portico-exercise-"));
  const notes = path.join(folder, "notes");
  writeFileSync(notes, "");
  const server = await startPortico(
    ["--transport", transport, "--chdir", APPLICATIONS, ...args, `${module}:${name}`],
    { env: { EXERCISE_NOTES: notes, ...env } },
  );
  return new Exercise(server, folder, notes);
}

/** Serves another application of this folder over one of the transports. */
export function startApplication(
  reference: string,
  transport: TransportName,
  args: readonly string[] = [],
  workers = 1,
): Promise<ServerProcess> {
  const own = ["--transport", transport, "--chdir", APPLICATIONS, "--workers", String(workers)];
  return startPortico([...own, ...args, reference]);
}

/** What the application answers to a request without content, over a connection of its own. */
export async function textOf({ port }: ServerProcess, target: string): Promise<string> {
  return (await rawRequest(port, get(target))).text;
}

/** A request without content. */
export function get(target: string, fields = ""): string {
  return `GET ${target} HTTP/1.1\r\nHost: test\r\n${fields}\r\n`;
}

export function post(
  target: string,
  content: string | Buffer,
  fields = "",
  method = "POST",
): Buffer {
  const length = `Content-Length: ${content.length}`;
  const head = `${method} ${target} HTTP/1.1\r\nHost: test\r\n${length}\r\n`;
  return Buffer.concat([Buffer.from(`${head}${fields}\r\n`), Buffer.from(content)]);
}

/** Large content of it is kept in a file; that of a POST needs none where it comes fast. */
export function put(target: string, content: string | Buffer): Buffer {
  return post(target, content, "", "PUT");
}
