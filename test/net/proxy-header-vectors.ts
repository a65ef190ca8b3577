/** Reads the vectors of `vectors/proxy-protocol/`, and replays bytes in pieces. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ProxyHeaderReader, type ProxyProtocol } from "../../src/net/proxy-header.ts";
import type { ProxyHeader, ProxyViolationCode } from "../../src/net/proxy-header-result.ts";

export const VECTORS_FOLDER = join(import.meta.dirname, "../../vectors/proxy-protocol");

interface Vector {
  readonly name: string;
  readonly bytes: Buffer;
  /** Of HAProxy's proxy-protocol.txt. */
  readonly section: string;
  readonly note: string;
  /** What the reader may be told to expect, for this to come of it. */
  readonly protocols: readonly ProxyProtocol[];
}

export interface AcceptVector extends Vector {
  /** null: there is none. */
  readonly header: ProxyHeader | null;
  /** Bytes behind it. */
  readonly restBytes: number;
}

export interface RejectVector extends Vector {
  readonly code: ProxyViolationCode;
}

export type Replay =
  | { readonly header: ProxyHeader | null; readonly rest: Buffer }
  | { readonly code: ProxyViolationCode };

/**
 * Hands the pieces in one after the other, always in the same memory, which is overwritten in
 * between; then comes the end.
 */
export function replay(pieces: readonly Buffer[], protocol: ProxyProtocol): Replay {
  const reader = new ProxyHeaderReader(protocol);
  const memory = Buffer.alloc(Math.max(1, ...pieces.map((piece) => piece.length)) + 16, 0x21);
  for (const [index, piece] of pieces.entries()) {
    piece.copy(memory);
    const result = reader.receive(memory, piece.length);
    if (result.kind === "violation") return { code: result.code };
    if (result.kind !== "need-data") {
      const rest = Buffer.concat([result.rest, ...pieces.slice(index + 1)]);
      return { header: result.kind === "header" ? result.header : null, rest };
    }
    memory.fill(0x21);
  }
  const result = reader.receiveEnd();
  if (result.kind === "violation") return { code: result.code };
  if (result.kind !== "absent") throw new Error("an end brings no header");
  return { header: null, rest: result.rest };
}

function vectorsOf<V extends Vector>(kind: "accept" | "reject"): V[] {
  const folder = join(VECTORS_FOLDER, kind);
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .toSorted()
    .map((file) => {
      const name = file.slice(0, -".json".length);
      const bytes = readFileSync(join(folder, `${name}.bin`));
      return { ...JSON.parse(readFileSync(join(folder, file), "utf8")), name, bytes } as V;
    });
}

export function acceptVectors(): AcceptVector[] {
  return vectorsOf("accept");
}

export function rejectVectors(): RejectVector[] {
  return vectorsOf("reject");
}
