/**
 * A response's head as the receiver reports it, and how the end of its content is found.
 *
 * Strings hold one byte a character (latin-1). Nothing here knows how the head arrived.
 */
import { listMembers } from "../http/fields.ts";
import { isBodyless } from "../http/status.ts";
import { decideFraming } from "./framing.ts";
import type { Framing, VersionMinor } from "./request-head.ts";

/** How the end of a response's content is found (RFC 9112 section 6.3). */
export type ResponseContentEnd = Framing | { readonly kind: "until-close" };

const NO_CONTENT: ResponseContentEnd = { kind: "none" };
const UNTIL_CLOSE: ResponseContentEnd = { kind: "until-close" };

/** The event that a response's head has arrived. Immutable; a repeated head is the same object. */
export class ResponseHead {
  readonly kind = "head" as const;
  /** Three digits; those from 600 on mean what 500 means (RFC 9110 section 15). */
  readonly status: number;
  readonly versionMinor: VersionMinor;
  readonly reason: string;
  /** Lower-case, in the order received; a repeated field is there repeatedly. */
  readonly names: readonly string[];
  /** One for each name, without the white space around it. */
  readonly values: readonly string[];
  readonly contentEnd: ResponseContentEnd;
  /** Whether another request may follow on the connection (RFC 9112 section 9.3). */
  readonly persistent: boolean;

  /**
   * @param method of the request that this answers
   * @throws {ProtocolError} where the fields leave a doubt about the end of the content
   */
  constructor(
    method: string,
    status: number,
    versionMinor: VersionMinor,
    reason: string,
    names: readonly string[],
    values: readonly string[],
  ) {
    this.status = status;
    this.versionMinor = versionMinor;
    this.reason = reason;
    this.names = names;
    this.values = values;
    this.contentEnd = contentEndOf(method, this);
    const persists = this.contentEnd.kind !== "until-close" && method !== "CONNECT";
    this.persistent = persists && isPersistent(versionMinor, this.value("connection"));
  }

  /**
   * The value of a field, its lines combined in order (RFC 9110 section 5.3).
   *
   * @param name lower-case
   * @returns null where the field is not there
   */
  value(name: string): string | null {
    const lines = this.values.filter((_, index) => this.names[index] === name);
    return lines.length === 0 ? null : lines.join(", ");
  }
}

/** RFC 9112 section 6.3, in the order of its rules. */
function contentEndOf(method: string, head: ResponseHead): ResponseContentEnd {
  if (method === "HEAD" || isBodyless(head.status)) return NO_CONTENT;
  // Behind a successful CONNECT there is a tunnel, which nobody here has a use for.
  if (method === "CONNECT" && head.status < 300) return NO_CONTENT;
  const framing = decideFraming(
    head.versionMinor,
    head.value("transfer-encoding"),
    head.value("content-length"),
  );
  return framing.kind === "none" ? UNTIL_CLOSE : framing;
}

function isPersistent(versionMinor: VersionMinor, connection: string | null): boolean {
  if (connection === null) return versionMinor === 1;
  const options = listMembers(connection.toLowerCase());
  if (options.includes("close")) return false;
  return versionMinor === 1 || options.includes("keep-alive");
}
