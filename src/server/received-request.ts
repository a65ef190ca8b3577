/**
 * A request that has arrived whole, as its handler gets it, and the name by which it can be found
 * again: in the answer, in the log, and by whoever reports that it failed.
 */
import { randomUUID } from "node:crypto";
import type { HandledRequest } from "../handlers/handler.ts";
import type { Provenance } from "../handlers/provenance.ts";
import type { OutgoingTrace } from "../http/trace-context.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { TrailerField } from "../http1/trailer-section.ts";
import type { RequestBody } from "../workers/application-request.ts";
import type { RequestFailure } from "./failure-answer.ts";

const NO_TRAILERS: readonly TrailerField[] = [];

export class ReceivedRequest implements HandledRequest {
  readonly head: RequestHead;
  readonly provenance: Provenance;
  content: RequestBody;
  readonly contentLength: number | null;
  readonly trailers: readonly TrailerField[];
  /** Why it got no answer of the application; null where it may get, or got, one. */
  failure: RequestFailure | null = null;
  trace: OutgoingTrace | null = null;
  #id: string | null = null;

  constructor(
    head: RequestHead,
    provenance: Provenance,
    content: RequestBody = null,
    contentLength: number | null = null,
    trailers: readonly TrailerField[] = NO_TRAILERS,
  ) {
    this.head = head;
    this.provenance = provenance;
    this.content = content;
    this.contentLength = contentLength;
    this.trailers = trailers;
  }

  /** Bytes of the content that have come, without its framing. */
  get contentBytes(): number {
    const { content } = this;
    if (content === null) return 0;
    if ("lend" in content) return content.arrivedBytes;
    return content instanceof Uint8Array ? content.length : content.lengthBytes;
  }

  /** {@link ReceivedRequest.id}, where somebody has asked for it. */
  get idInUse(): string | null {
    return this.#id;
  }

  /**
   * What a trusted proxy calls it, else a name of our own, which is made only when somebody asks:
   * most requests are never spoken of again.
   */
  get id(): string {
    this.#id ??= this.provenance.requestId ?? randomUUID();
    return this.#id;
  }
}
