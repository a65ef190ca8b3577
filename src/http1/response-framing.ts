/**
 * Decides how the content of a response is framed, and whether the connection goes on after it (RFC
 * 9112 sections 6 and 9): the only place that does.
 */
import { isBodyless, isInterim } from "../http/status.ts";

export interface ResponseFraming {
  /**
   * How the end of the content is told: there is none, by Content-Length, by the chunked coding, or
   * by closing. With "none" the content that an application gave is not sent.
   */
  readonly content: "none" | "length" | "chunked" | "until-close";
  /** Bytes of content where it is "length", else 0. */
  readonly contentLength: number;
  /** Whether another request may follow. */
  readonly keepAlive: boolean;
  /** The Connection field to send; "" for none. */
  readonly connectionField: "" | "close" | "keep-alive";
  /**
   * Whether the Content-Length that the application declared stays in the head. Where it does not
   * and the content is "length", the head says 0 instead.
   */
  readonly sendContentLength: boolean;
}

const RESET_CONTENT = 205;

/**
 * Frames a response.
 *
 * | response | content | Content-Length |
 * |---|---|---|
 * | 1xx, 204, 2xx to CONNECT | none | never (RFC 9110 section 8.6) |
 * | 304, any to HEAD | none | as declared: what GET would have sent |
 * | 205 | none, which only `Content-Length: 0` can say | 0 (RFC 9110 section 15.3.6) |
 * | length declared | length | as declared |
 * | not declared, to HTTP/1.1 | chunked | never beside it (RFC 9112 section 6.2) |
 * | not declared, to HTTP/1.0 | until the connection closes | none |
 *
 * @param persistent    whether the client, and the owner, let the connection go on
 * @param contentLength as the application declared it, bytes; null where it did not
 */
export function frameResponse(
  method: string,
  versionMinor: 0 | 1,
  persistent: boolean,
  status: number,
  contentLength: number | null,
): ResponseFraming {
  if (isInterim(status)) {
    return {
      content: "none",
      contentLength: 0,
      keepAlive: persistent,
      connectionField: "",
      sendContentLength: false,
    };
  }
  const isDeclared = contentLength !== null;
  if (isBodyless(status) || (method === "CONNECT" && status < 300)) {
    return framing("none", 0, isDeclared && status === 304, versionMinor, persistent);
  }
  if (method === "HEAD") {
    // What GET would have sent; behind a 205 that is nothing, whatever was declared.
    const isTrue = isDeclared && (status !== RESET_CONTENT || contentLength === 0);
    return framing("none", 0, isTrue, versionMinor, persistent);
  }
  if (status === RESET_CONTENT) {
    return framing("length", 0, contentLength === 0, versionMinor, persistent);
  }
  if (isDeclared) return framing("length", contentLength, true, versionMinor, persistent);
  if (versionMinor === 1) return framing("chunked", 0, false, versionMinor, persistent);
  return framing("until-close", 0, false, versionMinor, false);
}

/**
 * Adds the Connection field: each side is told what it would not assume (RFC 9112 sections 9.3 and
 * 9.6).
 */
function framing(
  content: ResponseFraming["content"],
  contentLength: number,
  sendContentLength: boolean,
  versionMinor: 0 | 1,
  keepAlive: boolean,
): ResponseFraming {
  const assumed = versionMinor === 1 ? "" : "keep-alive";
  const connectionField = keepAlive ? assumed : "close";
  return { content, contentLength, keepAlive, connectionField, sendContentLength };
}
