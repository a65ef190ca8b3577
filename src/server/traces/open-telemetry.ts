/**
 * The packages of OpenTelemetry, which are loaded only where traces are asked for, and what is made
 * of them: where spans go, on whose behalf, and which are recorded.
 *
 * The only file that runs anything of theirs. docs/adr/ says why these packages.
 */
import type * as api from "@opentelemetry/api";
import type * as otlp from "@opentelemetry/exporter-trace-otlp-http";
import type * as resources from "@opentelemetry/resources";
import type * as sdk from "@opentelemetry/sdk-trace";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { TraceParent } from "../../http/trace-context.ts";
import type { SpanOrigin } from "./exchange-span.ts";
import type { Sampling } from "./request-tracer.ts";
import { type SpanGathering, SpanQueue } from "./span-queue.ts";

export interface OpenTelemetry {
  readonly api: typeof api;
  readonly otlp: typeof otlp;
  readonly resources: typeof resources;
  readonly sdk: typeof sdk;
}

/** How to choose the traces whose spans are recorded. */
export interface SamplerChoice {
  /** Of the traces that begin here, from 0 to 1. */
  readonly ratio: number;
  /** Whether a trace that begins elsewhere is recorded here where it is there. */
  readonly isParentBased: boolean;
}

/** @throws what Node.js says of a package that is not installed */
export async function loadOpenTelemetry(): Promise<OpenTelemetry> {
  const [api, otlp, resources, sdk] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
    import("@opentelemetry/sdk-trace"),
  ]);
  return { api, otlp, resources, sdk };
}

/**
 * @param endpoint where spans are posted to; null for what the environment says, as the exporter
 *   reads it (`OTEL_EXPORTER_OTLP_...`)
 * @param log hears of spans that are lost
 */
export function openSpanQueue(
  { otlp, sdk }: OpenTelemetry,
  endpoint: string | null,
  gathering: SpanGathering,
  log: Log,
  clock: Pick<Clock, "nowMs">,
): SpanQueue {
  const exporter = new otlp.OTLPTraceExporter(endpoint === null ? {} : { url: endpoint });
  const makeProcessor = (counted: sdk.SpanExporter): sdk.SpanProcessor =>
    new sdk.BatchSpanProcessor({
      exporter: counted,
      maxQueueSize: gathering.waitingMax,
      maxExportBatchSize: gathering.batchMax,
      scheduledDelayMillis: gathering.gatheringMaxMs,
      exportTimeoutMillis: gathering.exportMaxMs,
    });
  return new SpanQueue(makeProcessor, exporter, gathering.waitingMax, log, clock);
}

/**
 * @param version of this program
 * @param routeOf see {@link SpanOrigin}
 */
export function spanOrigin(
  { api, resources }: OpenTelemetry,
  version: string,
  routeOf: SpanOrigin["routeOf"],
): SpanOrigin {
  const { resourceAttributesEnvDetector, serviceInstanceIdDetector, serviceNameEnvDetector } =
    resources;
  const said = resources.detectResources({
    detectors: [serviceInstanceIdDetector, resourceAttributesEnvDetector, serviceNameEnvDetector],
  });
  const named = resources.resourceFromAttributes({ "service.name": "portico" });
  return {
    resource: resources.defaultResource().merge(named).merge(said),
    instrumentationScope: { name: "portico", version },
    kind: api.SpanKind.SERVER,
    wentWell: { code: api.SpanStatusCode.UNSET },
    failed: { code: api.SpanStatusCode.ERROR },
    traceState: (text) => api.createTraceState(text),
    routeOf,
  };
}

/** The library's samplers, so that a trace is kept or left out alike by all that take part. */
export function openSampling({ api, sdk }: OpenTelemetry, choice: SamplerChoice): Sampling {
  const root = rootSampler(sdk, choice.ratio);
  const sampler = choice.isParentBased ? new sdk.ParentBasedSampler({ root }) : root;
  const contextOf = (parent: TraceParent | null): api.Context => {
    if (parent === null) return api.ROOT_CONTEXT;
    const { traceId, spanId, isSampled } = parent;
    const traceFlags = isSampled ? api.TraceFlags.SAMPLED : api.TraceFlags.NONE;
    return api.trace.setSpanContext(api.ROOT_CONTEXT, {
      traceId,
      spanId,
      traceFlags,
      isRemote: true,
    });
  };
  return (traceId, parent) => {
    const { decision } = sampler.shouldSample(
      contextOf(parent),
      traceId,
      "",
      api.SpanKind.SERVER,
      {},
      [],
    );
    return decision === sdk.SamplingDecision.RECORD_AND_SAMPLED;
  };
}

function rootSampler(library: OpenTelemetry["sdk"], ratio: number): sdk.Sampler {
  if (ratio >= 1) return new library.AlwaysOnSampler();
  return ratio <= 0 ? new library.AlwaysOffSampler() : new library.TraceIdRatioBasedSampler(ratio);
}
