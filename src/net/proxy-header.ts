/**
 * The PROXY protocol, versions 1 and 2, from the receiver's side (HAProxy's proxy-protocol.txt):
 * what a proxy of TCP connections writes in front of a connection to say whose it is.
 *
 * Bytes in, a header out. Must not know whether the peer may be believed: whoever uses this has
 * made sure of it.
 */
import {
  NEED_DATA,
  type ProxyHeader,
  type ProxyHeaderRead,
  type ProxyViolation,
  violation,
} from "./proxy-header-result.ts";
import { readVersion1, VERSION_1_SIGNATURE } from "./proxy-header-v1.ts";
import { readVersion2, VERSION_2_SIGNATURE } from "./proxy-header-v2.ts";

/** Which header a connection must begin with; `auto`: either version, or none. */
export type ProxyProtocol = "v1" | "v2" | "auto";

/** `rest` are bytes behind the header; valid no longer than the call that brought them. */
export type ProxyHeaderResult =
  | { readonly kind: "need-data" }
  | { readonly kind: "header"; readonly header: ProxyHeader; readonly rest: Buffer }
  /** There is no header, and need not be; `rest` is everything that has come. */
  | { readonly kind: "absent"; readonly rest: Buffer }
  | ProxyViolation;

interface Version {
  readonly protocol: ProxyProtocol;
  readonly signature: Buffer;
  readonly read: (bytes: Buffer, end: number) => ProxyHeaderRead;
}

const VERSIONS: readonly Version[] = [
  { protocol: "v1", signature: VERSION_1_SIGNATURE, read: readVersion1 },
  { protocol: "v2", signature: VERSION_2_SIGNATURE, read: readVersion2 },
];

const NOTHING = Buffer.alloc(0);

export class ProxyHeaderReader {
  readonly #protocol: ProxyProtocol;
  readonly #versions: readonly Version[];
  /** What has come while there was need of more; less than the longest header. */
  #held: Buffer = NOTHING;

  constructor(protocol: ProxyProtocol) {
    this.#protocol = protocol;
    const isExpected = (version: Version): boolean =>
      protocol === "auto" || version.protocol === protocol;
    this.#versions = VERSIONS.filter(isExpected);
  }

  /** Whether nothing has come so far. */
  get idle(): boolean {
    return this.#held.length === 0;
  }

  /**
   * Takes the connection's next bytes, `bytes[0..end)`. Not to be called again once it has returned
   * something else than `need-data`.
   */
  receive(bytes: Buffer, end: number): ProxyHeaderResult {
    const fresh = bytes.subarray(0, end);
    const all = this.idle ? fresh : Buffer.concat([this.#held, fresh]);
    const read = this.#read(all);
    switch (read.kind) {
      case "need-data":
        this.#held = all === fresh ? Buffer.from(fresh) : all;
        return read;
      case "header":
        return { kind: "header", header: read.header, rest: all.subarray(read.lengthBytes) };
      case "absent":
        return { kind: "absent", rest: all };
      case "violation":
        return read;
      default:
        return read satisfies never;
    }
  }

  /** The peer sends no more: what has come is no whole header (section 2.2). */
  receiveEnd(): ProxyHeaderResult {
    const isHeader = this.#versions.some(({ signature }) =>
      this.#held.subarray(0, signature.length).equals(signature),
    );
    if (this.#protocol === "auto" && !isHeader) return { kind: "absent", rest: this.#held };
    return violation("PROXY_HEADER_INCOMPLETE");
  }

  /**
   * The first byte that belongs to no signature decides that there is no header, however few have
   * come: who sends HTTP to a port that expects a header hears of it at once.
   */
  #read(bytes: Buffer): ProxyHeaderRead | { readonly kind: "absent" } {
    for (const { signature, read } of this.#versions) {
      const known = Math.min(bytes.length, signature.length);
      if (bytes.compare(signature, 0, known, 0, known) !== 0) continue;
      return known < signature.length ? NEED_DATA : read(bytes, bytes.length);
    }
    return this.#protocol === "auto" ? { kind: "absent" } : violation("PROXY_HEADER_MISSING");
  }
}
