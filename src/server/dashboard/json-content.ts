/**
 * The content of a request to the live page's server: a small object of JSON, or nothing.
 */
import type { IncomingMessage } from "node:http";

/** All that can be said fits many times over. */
const CONTENT_MAX_BYTES = 4_096;

/**
 * Only `application/json` is taken: a form of another site cannot send it.
 *
 * @returns null where it is too long, or anything else than an object
 */
export async function readJsonObject(
  request: IncomingMessage,
): Promise<Readonly<Record<string, unknown>> | null> {
  const mediaType = request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (mediaType !== "application/json") return null;
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    // There is still an answer to be sent where it is too long.
    for await (const piece of request.iterator({ destroyOnReturn: false })) {
      const bytes = piece as Buffer;
      length += bytes.length;
      if (length > CONTENT_MAX_BYTES) return null;
      pieces.push(bytes);
    }
    const value: unknown = JSON.parse(Buffer.concat(pieces).toString("utf8"));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
