/**
 * From the options about traces, and the variables that OpenTelemetry gives a meaning to, to what
 * makes spans and sends them. Owns what is chosen where both speak, and every complaint.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Options } from "../options/registry.ts";
import { realClock } from "../os/real-clock.ts";
import { OTHER_ROUTE } from "../server/observation/exchange-routes.ts";
import { spanGathering } from "./span-gathering.ts";
import type { SpanOrigin } from "../server/traces/exchange-span.ts";
import {
  loadOpenTelemetry,
  type OpenTelemetry,
  openSampling,
  openSpanQueue,
  type SamplerChoice,
  spanOrigin,
} from "../server/traces/open-telemetry.ts";
import type { Sampling } from "../server/traces/request-tracer.ts";
import { TraceListener } from "../server/traces/trace-listener.ts";
import { metricsRoutes } from "./observation-settings.ts";

/** What a gateway needs to trace requests. */
export interface Traces {
  readonly listener: TraceListener;
  readonly sampling: Sampling;
}

/** Under which a collector takes spans, where an endpoint has no path of its own (OTLP 1.x). */
const TRACES_PATH = "/v1/traces";
const DEFAULT_COLLECTOR = "http://localhost:4318";
/** As package.json has them. */
const PACKAGES =
  "@opentelemetry/api@^1.10.0 @opentelemetry/exporter-trace-otlp-http@^0.301.0 " +
  "@opentelemetry/resources@^3.1.0 @opentelemetry/sdk-trace@^3.1.0";
const RATIO = /^(?:0(?:\.\d+)?|1(?:\.0+)?)$/;

/**
 * @param env of this process
 * @param log hears of spans that are lost
 * @returns null where no traces are wanted
 * @throws {OperatorError} exit status 2: an endpoint or a variable that cannot be meant, or
 *   packages that are not installed
 */
export async function openTraces(
  options: Options,
  env: NodeJS.ProcessEnv,
  version: string,
  log: Log,
  load: () => Promise<OpenTelemetry> = loadOpenTelemetry,
): Promise<Traces | null> {
  if (options.trace === null || env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true") return null;
  const isNamed = options.trace !== "on";
  const endpoint = isNamed
    ? tracesUrl(`--trace ${options.trace}`, options.trace)
    : standardUrl(env);
  const choice = samplerChoice(options.traceSample, env);
  const gathering = spanGathering(env);
  const library = await load().catch((error: unknown) => {
    throw new OperatorError(EXIT_STATUS.usage, whyNotLoaded(error));
  });
  const queue = openSpanQueue(library, isNamed ? endpoint.href : null, gathering, log, realClock);
  log.info("requests are traced", {
    // Without what may be a secret: a password in front of the host, a key in the query.
    collector: endpoint.host + endpoint.pathname,
    recorded: choice.ratio,
    parent: options.traceParent,
  });
  return {
    listener: new TraceListener(spanOrigin(library, version, routeReader(options)), queue),
    sampling: openSampling(library, choice),
  };
}

/** @throws {OperatorError} exit status 2: a `--metrics-route` that is none */
function routeReader(options: Options): SpanOrigin["routeOf"] {
  const routes = metricsRoutes(options);
  return (path) => {
    const name = routes.names[routes.indexOf(path)] ?? OTHER_ROUTE;
    return name === OTHER_ROUTE ? null : name;
  };
}

/**
 * Where the exporter of OpenTelemetry sends spans by itself. It takes what is no URL for nothing
 * given, and would send them elsewhere.
 *
 * @throws {OperatorError} exit status 2
 */
function standardUrl(env: NodeJS.ProcessEnv): URL {
  const own = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]?.trim();
  if (own) return httpUrl(`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=${own}`, own);
  const common = env["OTEL_EXPORTER_OTLP_ENDPOINT"]?.trim();
  if (!common) return new URL(TRACES_PATH, DEFAULT_COLLECTOR);
  const url = httpUrl(`OTEL_EXPORTER_OTLP_ENDPOINT=${common}`, common);
  url.pathname = url.pathname.replace(/\/?$/, TRACES_PATH);
  return url;
}

/** @throws {OperatorError} exit status 2 */
function tracesUrl(given: string, endpoint: string): URL {
  const url = httpUrl(given, endpoint);
  if (url.pathname === "/") url.pathname = TRACES_PATH;
  return url;
}

/**
 * @param given where the text stands, for the complaint
 * @throws {OperatorError} exit status 2
 */
function httpUrl(given: string, text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new OperatorError(
    EXIT_STATUS.usage,
    `${given}: expected the http or https URL of a collector, such as ${DEFAULT_COLLECTOR}`,
  );
}

/** @throws {OperatorError} exit status 2: a variable that says something else than it may */
function samplerChoice(ratio: string | null, env: NodeJS.ProcessEnv): SamplerChoice {
  if (ratio !== null) return { ratio: Number(ratio), isParentBased: true };
  const name = env["OTEL_TRACES_SAMPLER"] || "parentbased_always_on";
  const isParentBased = name.startsWith("parentbased_");
  switch (isParentBased ? name.slice("parentbased_".length) : name) {
    case "always_on":
      return { ratio: 1, isParentBased };
    case "always_off":
      return { ratio: 0, isParentBased };
    case "traceidratio":
      return { ratio: samplerRatio(env["OTEL_TRACES_SAMPLER_ARG"] || "1"), isParentBased };
    default:
      throw new OperatorError(
        EXIT_STATUS.usage,
        `OTEL_TRACES_SAMPLER=${name}: expected always_on, always_off, traceidratio, or one of ` +
          "these with parentbased_ in front; or use --trace-sample",
      );
  }
}

function samplerRatio(text: string): number {
  if (RATIO.test(text)) return Number(text);
  throw new OperatorError(
    EXIT_STATUS.usage,
    `OTEL_TRACES_SAMPLER_ARG=${text}: expected a number from 0 to 1, such as 0.05`,
  );
}

function whyNotLoaded(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ERR_MODULE_NOT_FOUND"
    ? `--trace needs packages that are not installed: npm install ${PACKAGES}`
    : `--trace: the packages of OpenTelemetry cannot be used here: ${message.split("\n")[0]}`;
}
