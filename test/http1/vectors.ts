/**
 * Reads the vectors of `vectors/http1/`: the bytes that a client sends, and what must come of them.
 */
import { join } from "node:path";
import type { RequestLimits } from "../../src/http1/receiver.ts";
import type { ViolationCode } from "../../src/http1/violations.ts";
import type { RequestRecord } from "./cut-and-replay.ts";
import { readVectorFolder } from "./vector-folder.ts";

export const VECTORS_FOLDER = join(import.meta.dirname, "../../vectors/http1");

export interface Vector {
  readonly name: string;
  readonly bytes: Buffer;
  readonly section: string;
  readonly note: string;
  /** Those that differ from the ones that all vectors are replayed with. */
  readonly limits: Partial<RequestLimits>;
}

export interface AcceptVector extends Vector {
  readonly requests: readonly RequestRecord[];
}

export interface RejectVector extends Vector {
  readonly status: number;
  readonly code: ViolationCode;
  /** Requests before the one that is refused; 0 where it is not said. */
  readonly requestsBefore?: number;
}

function vectorsOf<V extends Vector>(kind: "accept" | "reject"): V[] {
  return readVectorFolder(join(VECTORS_FOLDER, kind)).map(({ name, bytes, expected }) => {
    // Hardly any request has trailers, and those that have none do not say so.
    const requests = (expected["requests"] ?? []) as Partial<RequestRecord>[];
    for (const request of requests) request.trailers ??= [];
    return { limits: {}, ...expected, name, bytes } as unknown as V;
  });
}

export function acceptVectors(): AcceptVector[] {
  return vectorsOf("accept");
}

export function rejectVectors(): RejectVector[] {
  return vectorsOf("reject");
}
