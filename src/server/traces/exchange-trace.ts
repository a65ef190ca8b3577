/**
 * The place of one exchange in its trace: its ids, and those of the span that asked for it.
 *
 * Holds what was decided when the request was taken up. Knows neither the exchange nor how a span
 * is written.
 */
import {
  formatTraceparent,
  type OutgoingTrace,
  type TraceParent,
} from "../../http/trace-context.ts";

export class ExchangeTrace implements OutgoingTrace, TraceParent {
  readonly traceId: string;
  /** Of this exchange's own span. */
  readonly spanId: string;
  /** Whether the span is recorded, and the application asked to record its own. */
  readonly isSampled: boolean;
  /** The span of somebody else that this one is a child of; null where the trace begins here. */
  readonly parent: TraceParent | null;
  /** What a client said of a trace that this exchange does not join; null where it said nothing. */
  readonly linked: TraceParent | null;
  readonly tracestate: string | null;

  /** @param tracestate belongs to the trace of `parent`; null where that said nothing */
  constructor(
    ids: TraceParent,
    parent: TraceParent | null,
    linked: TraceParent | null,
    tracestate: string | null,
  ) {
    this.traceId = ids.traceId;
    this.spanId = ids.spanId;
    this.isSampled = ids.isSampled;
    this.parent = parent;
    this.linked = linked;
    this.tracestate = tracestate;
  }

  get traceparent(): string {
    return formatTraceparent(this);
  }
}
