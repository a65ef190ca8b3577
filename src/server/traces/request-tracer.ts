/**
 * Decides to which trace a request belongs, and whether its span is recorded.
 *
 * Owns whom a `traceparent` is believed from. Knows nothing of what becomes of a span.
 */
import type { Endpoints } from "../../handlers/handler.ts";
import type { ProvenanceReader } from "../../handlers/provenance.ts";
import { isTracestate, parseTraceparent, type TraceParent } from "../../http/trace-context.ts";
import type { HeaderSection } from "../../http1/request-head.ts";
import { ExchangeTrace } from "./exchange-trace.ts";
import { TraceIds } from "./trace-ids.ts";

/** Whether the span of a trace is recorded, by its id and by what its parent says. */
export type Sampling = (traceId: string, parent: TraceParent | null) => boolean;

/** Whose `traceparent` makes a request part of their trace. */
export type TraceTrust = "trusted" | "any" | "none";

export class RequestTracer {
  readonly #sampling: Sampling;
  readonly #trust: TraceTrust;
  readonly #provenance: ProvenanceReader;
  readonly #ids = new TraceIds();

  /**
   * @param trust whom to follow. A client that is believed can have each of its requests recorded,
   *   or none of them, and put them into somebody else's trace; so by default it is not, and its
   *   own trace is named by a link
   */
  constructor(sampling: Sampling, trust: TraceTrust, provenance: ProvenanceReader) {
    this.#sampling = sampling;
    this.#trust = trust;
    this.#provenance = provenance;
  }

  /** @param section null where no header section could be read */
  begin(section: HeaderSection | null, endpoints: Endpoints): ExchangeTrace {
    const said = readTraceparent(section);
    const isBelieved = said !== null && this.#believes(endpoints);
    const parent = isBelieved ? said : null;
    const traceId = parent?.traceId ?? this.#ids.nextTraceId();
    const ids = {
      traceId,
      spanId: this.#ids.nextSpanId(),
      isSampled: this.#sampling(traceId, parent),
    };
    const tracestate = parent === null ? null : readTracestate(section);
    return new ExchangeTrace(ids, parent, isBelieved ? null : said, tracestate);
  }

  #believes(endpoints: Endpoints): boolean {
    if (this.#trust !== "trusted") return this.#trust === "any";
    return this.#provenance.believes(endpoints);
  }
}

function readTraceparent(section: HeaderSection | null): TraceParent | null {
  const value = section?.value("traceparent") ?? null;
  return value === null ? null : parseTraceparent(value);
}

function readTracestate(section: HeaderSection | null): string | null {
  const value = section?.value("tracestate") ?? null;
  return value !== null && isTracestate(value) ? value : null;
}
