/**
 * Fetch Metadata (W3C, "Fetch Metadata Request Headers"): what a browser says of where a request
 * comes from, and whether a server that keeps its resources to its own site answers it (a resource
 * isolation policy).
 *
 * Pages cannot set or leave out fields that begin with `Sec-` (Fetch, "forbidden request-header"),
 * so what is said is the browser's own word. Whoever is no browser can say anything, but has no
 * user's cookies either. Decides by these fields alone; knows nothing of paths.
 */

/** `report`: requests go on, and what would have been refused is logged. */
export type FetchPolicyMode = "off" | "report" | "enforce";

/** From the laxest to the strictest. */
export const FETCH_POLICY_MODES: readonly FetchPolicyMode[] = ["off", "report", "enforce"];

/** The fields that a judgement rests on: what a cache must not mix up. */
export const FETCH_METADATA_FIELDS = ["Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"];

/** The values as they came, a repeated field's combined; null for a field that is not there. */
export interface FetchMetadata {
  readonly site: string | null;
  readonly mode: string | null;
  readonly dest: string | null;
}

/** What passes beside what always does. */
export interface FetchExceptions {
  /** Other hosts of the same site: siblings below the same registrable domain, other ports. */
  readonly sameSite: boolean;
  /** Other sites may show the page in a frame. */
  readonly frames: boolean;
  /** The CORS options let this request's origin read the answer. */
  readonly cors: boolean;
}

/** Why a request passes, or that it does not. */
export type FetchJudgement =
  | "no-metadata"
  | "same-origin"
  | "same-site"
  | "user-initiated"
  | "top-level-navigation"
  | "framed"
  | "cors-allowed"
  | "refused";

/**
 * Judges a request.
 *
 * Whoever sends no Sec-Fetch-Site passes: a browser of before 2023, a program, or any browser where
 * the URL is not trustworthy (http other than on the machine itself). A value that is not known,
 * malformed, or repeated is held to be that of a stranger: of Sec-Fetch-Site `cross-site`, of the
 * others one that nothing is allowed for. Sec-Fetch-Dest may be missing, since Chromium before 80
 * sent the others without it; it named frames `nested-navigate`, which does not pass.
 *
 * With frames and the same site allowed it is the policy that web.dev recommends.
 *
 * @see W3C Fetch Metadata Request Headers, sections 2 ("Fetch Metadata Headers") and 4.3
 */
export function judgeFetch(
  method: string,
  { site, mode, dest }: FetchMetadata,
  exceptions: FetchExceptions,
): FetchJudgement {
  if (site === null) return "no-metadata";
  if (site === "same-origin") return "same-origin";
  if (site === "none") return "user-initiated";
  if (site === "same-site" && exceptions.sameSite) return "same-site";
  if (mode === "cors" && exceptions.cors) return "cors-allowed";
  const isSimple = method === "GET" || method === "HEAD";
  if (mode !== "navigate" || !isSimple) return "refused";
  if (dest === "document" || dest === null) return "top-level-navigation";
  const isFrame = dest === "iframe" || dest === "frame" || dest === "fencedframe";
  return isFrame && exceptions.frames ? "framed" : "refused";
}
