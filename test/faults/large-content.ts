/**
 * Large answers of each kind that an application can give, and large contents that it gives back,
 * for a load. Each KiB of them says whose it is and where it belongs, so that one which is lost, is
 * there twice, or has changed places shows.
 */
import type { RequestKind } from "./load-client.ts";

const KIB = 1024;

/** As `large` of `applications/victim.py` knows them. */
export type LargeWay = "list" | "pieces" | "stream" | "write" | "file";

export interface LargeShape {
  readonly method: "GET" | "POST";
  readonly way: LargeWay;
  readonly kib: number;
  /** What the application gives at a time, in KiB; where `way` cuts at all. */
  readonly pieceKib?: number;
  readonly isReadSlowly?: boolean;
}

/** A POST is sent the content, and has it back. */
export function large(shape: LargeShape): RequestKind {
  const { method, way, kib, pieceKib = 64, isReadSlowly = false } = shape;
  return (id) => {
    const content = Array.from({ length: kib }, (_, place) => placed(id, place)).join("");
    return {
      method,
      path: `/large/${id}?kib=${kib}&way=${way}&piece=${pieceKib}`,
      content: method === "POST" ? content : "",
      expected: content,
      isReadSlowly,
      mayBeCut: true,
    };
  };
}

/** More writes than are gathered in a turn, to clients that have no room for them. */
export const SMALL_PIECES: RequestKind = large({
  method: "GET",
  way: "stream",
  kib: 6_000,
  pieceKib: 4,
  isReadSlowly: true,
});

/**
 * Below and above each bound at which content goes another way: one frame, the loans of a client's
 * socket, the files of requests and of answers; and small pieces, which are gathered.
 */
export const LARGE_KINDS: readonly RequestKind[] = [
  large({ method: "GET", way: "list", kib: 40 }),
  SMALL_PIECES,
  large({ method: "POST", way: "list", kib: 60 }),
  large({ method: "POST", way: "list", kib: 200 }),
  large({ method: "GET", way: "pieces", kib: 6_000, isReadSlowly: true }),
  large({ method: "GET", way: "stream", kib: 700, pieceKib: 16 }),
  large({ method: "POST", way: "pieces", kib: 1_500 }),
  large({ method: "GET", way: "file", kib: 2_000 }),
  large({ method: "GET", way: "write", kib: 900, pieceKib: 100 }),
  large({ method: "GET", way: "list", kib: 5_000, isReadSlowly: true }),
  large({ method: "GET", way: "stream", kib: 200, pieceKib: 1 }),
];

function placed(id: string, place: number): string {
  return `${id}:${place}:`.padEnd(KIB, ".");
}
