/**
 * Reads the vectors of `vectors/http1/respond/`: the bytes that a client sends, and all bytes that
 * it gets for them. The path of each request names the application that answers it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RequestLimits } from "../../src/http1/receiver.ts";
import { VECTORS_FOLDER } from "../http1/vectors.ts";

export const RESPOND_FOLDER: string = join(VECTORS_FOLDER, "respond");

/** Stands for the time in the answers of a vector. */
export const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
export const DATE_MS = 784_111_777_000;
/** The value of Server with which the vectors are replayed. */
export const SERVER = "portico";

export interface RespondVector {
  readonly name: string;
  readonly section: string;
  readonly note: string;
  readonly bytes: Buffer;
  /**
   * What the client sends only when it has got 100 (Continue): that many bytes at the end; 0 for a
   * client that does not wait.
   */
  readonly sentAfterContinue: number;
  /** All bytes of the answers. */
  readonly expected: Buffer;
  /**
   * How the server ends the connection after the answers: not at all, in order, or with a reset,
   * which takes away what the client has not read.
   */
  readonly connection: "open" | "closed" | "reset";
  /** Limits that differ from those that the vectors are replayed with. */
  readonly limits: Partial<RequestLimits>;
  /** Hosts that are answered for, as `--allowed-host` takes them; none: all. */
  readonly allowedHosts: readonly string[];
}

interface Written {
  readonly section: string;
  readonly note: string;
  /** For each answer its lines, the last one being the content. */
  readonly answers: readonly (readonly string[])[];
  readonly connection: RespondVector["connection"];
  readonly sentAfterContinue?: number;
  readonly limits?: Partial<RequestLimits>;
  readonly allowedHosts?: readonly string[];
}

const REQUEST_ID = /(?<=Request[- ]ID: )[\da-f-]{1,36}/g;
const REQUEST_ID_IN_VECTORS = "00000000-0000-4000-8000-000000000000";

/** Ids are random; in the vectors all requests have the same. What is cut short stays so. */
export function withoutRequestIds(answers: string): string {
  return answers.replace(REQUEST_ID, (id) => REQUEST_ID_IN_VECTORS.slice(0, id.length));
}

export function respondVectors(): RespondVector[] {
  return readdirSync(RESPOND_FOLDER)
    .filter((file) => file.endsWith(".json"))
    .toSorted()
    .map((file) => {
      const name = file.slice(0, -".json".length);
      const written: Written = JSON.parse(readFileSync(join(RESPOND_FOLDER, file), "utf8"));
      const text = written.answers.map((lines) => lines.join("\r\n")).join("");
      return {
        sentAfterContinue: 0,
        limits: {},
        allowedHosts: [],
        ...written,
        name,
        bytes: readFileSync(join(RESPOND_FOLDER, `${name}.http`)),
        expected: Buffer.from(text, "latin1"),
      };
    });
}
