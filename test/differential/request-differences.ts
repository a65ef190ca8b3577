/**
 * Where the receiver and `node:http` do not make the same of the bytes of a vector, in one word for
 * each side, so that differences of one kind can be explained together.
 */
import { LIMITS, replay, type Replay } from "../http1/cut-and-replay.ts";
import type { Vector } from "../http1/vectors.ts";
import type { NodeServer, SeenRequest } from "./node-server.ts";

export interface RequestDifference {
  /** `taken`, or the code of the violation. */
  readonly ours: string;
  /**
   * `taken`; `closed`: some request got no answer; a status, behind `taken, then` where more
   * requests were taken than by us; or `other` and the parts of a request that were seen otherwise.
   */
  readonly theirs: string;
}

const PARTS = ["method", "target", "versionMinor", "fields", "content", "trailers"] as const;

function asSeen({ requests }: Replay): SeenRequest[] {
  return requests.map(({ method, target, versionMinor, fields, content, trailers }) => ({
    method,
    target,
    versionMinor,
    fields,
    content,
    trailers: trailers.map(({ name, value }) => [name, value] as const),
  }));
}

function partsOfOthers(ours: readonly SeenRequest[], theirs: readonly SeenRequest[]): string[] {
  return PARTS.filter((part) =>
    ours.some(
      (request, index) => JSON.stringify(request[part]) !== JSON.stringify(theirs[index]?.[part]),
    ),
  );
}

/** @returns null where both make the same of it */
export async function differenceOf(
  vector: Vector,
  server: NodeServer,
): Promise<RequestDifference | null> {
  const replayed = replay([vector.bytes], { ...LIMITS, ...vector.limits });
  const { violation } = replayed;
  const requests = asSeen(replayed);
  const seen = await server.send(vector.bytes);
  const more = seen.requests.length - requests.length;
  const error = seen.statuses.find((status) => status >= 400);
  const ours = violation?.code ?? "taken";
  if (error !== undefined) {
    if (more === 0 && error === violation?.status) return null;
    return { ours, theirs: more > 0 ? `taken, then ${error}` : String(error) };
  }
  if (more < 0 || (more === 0 && violation !== null)) return { ours, theirs: "closed" };
  if (violation !== null) return { ours, theirs: "taken" };
  const others = partsOfOthers(requests, seen.requests);
  return others.length === 0 ? null : { ours, theirs: `other ${others.join(" and ")}` };
}
