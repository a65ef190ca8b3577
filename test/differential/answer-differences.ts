/**
 * Where clients do not make of our answers what a strict reader makes of them: `http.client` of
 * Python's standard library, and `node:http`.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { readReference } from "../fuzz/reference-parser.ts";
import { LIMITS } from "../http1/cut-and-replay.ts";
import { type ReadAnswer, readAnswers } from "../properties/answer-reader.ts";
import { type RespondVector, respondVectors } from "../server/respond-vectors.ts";
import type { AnswerSource } from "./node-client.ts";

export interface AnswerDifference {
  readonly client: "http.client" | "node:http";
  readonly vector: string;
  /** What was read otherwise, for example `content`, `interim`, `error IncompleteRead`. */
  readonly what: string;
}

interface Exchange {
  readonly vector: RespondVector;
  readonly methods: readonly string[];
  readonly answers: readonly ReadAnswer[];
}

/** What a client has read of an answer, as far as it tells. */
interface Reading {
  readonly status?: number;
  readonly reason?: string;
  readonly fields?: readonly (readonly [string, string])[];
  readonly content?: string;
  readonly interim?: readonly number[];
  readonly defects?: readonly string[];
  readonly error: string | null;
}

/** The vectors, their answers taken apart. */
export function exchanges(): Exchange[] {
  return respondVectors().map((vector) => {
    const reading = readReference(vector.bytes, { ...LIMITS, ...vector.limits });
    const last = reading.refusesHead ? "HEAD" : "GET";
    const methods = [...reading.requests.map(({ method }) => method), last];
    return { vector, methods, answers: readAnswers(vector.expected, methods, last) };
  });
}

/** @returns the parts that differ */
function partsOf(answer: ReadAnswer, reading: Reading | undefined): string[] {
  if (reading === undefined) return ["missing"];
  const { status, reason, fields, content, interim, defects, error } = reading;
  // An answer that is cut short must not be taken for whole.
  if (!answer.complete && answer.end !== "close") return error === null ? ["taken for whole"] : [];
  if (error !== null) return [`error ${error}`];
  const differs = (one: unknown, other: unknown): boolean =>
    JSON.stringify(one) !== JSON.stringify(other);
  const parts: string[] = [];
  if (status !== answer.status) parts.push("status");
  if (reason !== answer.reason) parts.push("reason");
  if (differs(fields, answer.fields)) parts.push("fields");
  if (content !== answer.content) parts.push("content");
  if (interim !== undefined && differs(interim, answer.interim)) parts.push("interim");
  if (defects !== undefined && defects.length > 0) parts.push("defects");
  return parts;
}

/** All answers of a connection are read one after the other, from the same bytes. */
export function pythonDifferences(all: readonly Exchange[]): AnswerDifference[] {
  const program = join(import.meta.dirname, "read_answers.py");
  const input = all.map(({ vector, methods }) => ({
    methods,
    received: vector.expected.toString("latin1"),
  }));
  const { status, stdout, stderr } = spawnSync("python3", [program], {
    input: JSON.stringify(input),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`python3 has not read them: ${stderr}`);
  const readings: Reading[][] = JSON.parse(stdout);
  return all.flatMap(({ vector, answers }, place) => {
    const read = readings[place] ?? [];
    const interim = answers.flatMap((answer) => answer.interim.filter((code) => code !== 100));
    if (interim.length > 0 && read.length === answers.length + interim.length) {
      return { client: "http.client", vector: vector.name, what: "interim taken for an answer" };
    }
    const parts = answers.map((answer, index) => partsOf(answer, read[index]).join(" and "));
    if (read.length > answers.length) parts.push("more answers");
    return parts
      .filter((what) => what !== "")
      .map((what) => ({ client: "http.client", vector: vector.name, what }));
  });
}

export async function nodeDifferences(
  all: readonly Exchange[],
  source: AnswerSource,
): Promise<AnswerDifference[]> {
  const found: AnswerDifference[] = [];
  for (const { vector, methods, answers } of all) {
    for (const [index, answer] of answers.entries()) {
      const bytes = vector.expected.subarray(answer.startsAt, answer.endsAt);
      const reading = await source.read(methods[index] ?? methods.at(-1) ?? "GET", bytes);
      const what = partsOf(answer, reading).join(" and ");
      if (what !== "") found.push({ client: "node:http", vector: vector.name, what });
    }
  }
  return found;
}
