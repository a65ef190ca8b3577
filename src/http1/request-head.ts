/**
 * A request's head as the receiver reports it: the request line in its parts, and the header
 * section with what it means for the message.
 *
 * Strings hold one byte a character (latin-1). Nothing here knows how the head arrived.
 */
import { fieldSeparator } from "../http/fields.ts";

/** How the end of a request's content is found (RFC 9112 section 6.3). */
export type Framing =
  | { readonly kind: "none" }
  /** `bytes` is a safe integer, 0 or more. */
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" };

/** The forms of a request-target (RFC 9112 section 3.2). */
export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";

/** The schemes that an absolute-form may have here (RFC 9110 section 4.2). */
export type TargetScheme = "http" | "https";

/** HTTP/1.0 or HTTP/1.1; a higher minor version is treated as 1 (RFC 9110 section 2.5). */
export type VersionMinor = 0 | 1;

/**
 * A header section that has been understood. Immutable.
 *
 * The **same object** is handed out again while a connection repeats the section byte by byte, with
 * the same method and version: its identity can serve as the key of whatever is derived from it.
 */
export class HeaderSection {
  readonly method: string;
  readonly versionMinor: VersionMinor;
  /** Lower-case, in the order received; a repeated field is there repeatedly. */
  readonly names: readonly string[];
  /** One for each name, as received, without the white space around it. */
  readonly values: readonly string[];
  readonly framing: Framing;
  /** Whether the client lets the connection go on after this request (RFC 9112 section 9.3). */
  readonly persistent: boolean;
  /**
   * The client waits for 100 (Continue) before it sends a content that is not empty (RFC 9110
   * section 10.1.1).
   */
  readonly expectsContinue: boolean;
  /** The value of Host; null where there is none, which only HTTP/1.0 allows. Never empty. */
  readonly host: string | null;

  constructor(
    method: string,
    versionMinor: VersionMinor,
    names: readonly string[],
    values: readonly string[],
    framing: Framing,
    persistent: boolean,
    expectsContinue: boolean,
    host: string | null,
  ) {
    this.method = method;
    this.versionMinor = versionMinor;
    this.names = names;
    this.values = values;
    this.framing = framing;
    this.persistent = persistent;
    this.expectsContinue = expectsContinue;
    this.host = host;
  }

  /**
   * The value of a field, its lines combined in order (RFC 9110 section 5.3; Cookie with `; `).
   *
   * @param name lower-case
   * @returns null where the field is not there
   */
  value(name: string): string | null {
    let combined: string | null = null;
    for (let index = 0; index < this.names.length; index++) {
      if (this.names[index] !== name) continue;
      const value = this.values[index] ?? "";
      combined = combined === null ? value : combined + fieldSeparator(name) + value;
    }
    return combined;
  }
}

/** A request-target, taken apart. */
export class RequestTarget {
  /** As it was sent. */
  readonly raw: string;
  readonly form: TargetForm;
  /** Still percent-encoded. Begins with "/"; "*" for asterisk-form; "" for authority-form. */
  readonly path: string;
  /** Without the question mark; "" where there is none. */
  readonly query: string;
  /** Of an absolute- or authority-form: it overrides Host (RFC 9112 section 3.2.2). Else null. */
  readonly authority: string | null;
  /** What the client says that the scheme is, which only an absolute-form does. Else null. */
  readonly scheme: TargetScheme | null;

  constructor(
    raw: string,
    form: TargetForm,
    path: string,
    query: string,
    authority: string | null,
    scheme: TargetScheme | null = null,
  ) {
    this.raw = raw;
    this.form = form;
    this.path = path;
    this.query = query;
    this.authority = authority;
    this.scheme = scheme;
  }
}

/** The event that a request's head has arrived. */
export class RequestHead {
  readonly kind = "head" as const;
  /** A token; methods are case-sensitive (RFC 9110 section 9.1). */
  readonly method: string;
  /** See {@link RequestTarget} for this and the next five. */
  readonly rawTarget: string;
  readonly form: TargetForm;
  readonly path: string;
  readonly query: string;
  readonly authority: string | null;
  readonly scheme: TargetScheme | null;
  readonly versionMinor: VersionMinor;
  readonly section: HeaderSection;

  constructor(target: RequestTarget, section: HeaderSection) {
    this.method = section.method;
    this.rawTarget = target.raw;
    this.form = target.form;
    this.path = target.path;
    this.query = target.query;
    this.authority = target.authority;
    this.scheme = target.scheme;
    this.versionMinor = section.versionMinor;
    this.section = section;
  }
}
