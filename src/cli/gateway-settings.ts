/**
 * From options to what the gateway is made with. Reads the files that options name; decides
 * nothing.
 */
import os from "node:os";
import path from "node:path";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import type { AdmissionRule } from "../handlers/admission.ts";
import { AllowedHosts } from "../handlers/allowed-hosts.ts";
import { RefusedContradictions } from "../handlers/contradictory-provenance.ts";
import type { HealthPaths } from "../handlers/health-rule.ts";
import { RefusedUnderscores } from "../handlers/header-map.ts";
import type { RefusalReport } from "../handlers/refusal-report.ts";
import { ServedMethods } from "../handlers/served-methods.ts";
import { CAREFUL, ProvenanceReader, TRUSTING } from "../handlers/provenance.ts";
import { SecuredTargets } from "../handlers/secured-targets.ts";
import type { IpNetworks } from "../http/ip-network.ts";
import { ErrorPages } from "../http/error-page.ts";
import type { RequestLimits } from "../http1/receiver.ts";
import type { Transport } from "../net/transport.ts";
import { isDefault, type Options } from "../options/registry.ts";
import { realClock } from "../os/real-clock.ts";
import type { AccessLog } from "../server/access-log/access-log.ts";
import { ExchangeRecord } from "../server/access-log/exchange-record.ts";
import { ExchangeClock } from "../server/exchange-clock.ts";
import { type ExchangeListener, ExchangeListeners } from "../server/exchange-listener.ts";
import type { ExchangeLogging } from "../server/exchange-log.ts";
import type { GatewaySettings } from "../server/gateway.ts";
import type { HttpServerSettings } from "../server/http-server.ts";
import { ExchangeStatistics } from "../server/observation/exchange-statistics.ts";
import type { MetricsSettings } from "../server/observation/gateway-metrics.ts";
import type { MetricsHttpSettings } from "../server/observation/metrics-server.ts";
import type { ObservedExchanges } from "../server/observation/observation.ts";
import { RecentErrors } from "../server/observation/recent-errors.ts";
import { RequestTracer } from "../server/traces/request-tracer.ts";
import type { WorkerRange } from "../workers/worker-scaling.ts";
import type { PythonInterpreter } from "../workers/python-interpreter.ts";
import type { ZygoteAhead } from "../workers/zygote-process.ts";
import { developmentSettings } from "./development-settings.ts";
import { readEdgeRules } from "./edge-policy-settings.ts";
import { readErrorPage } from "./error-page-file.ts";
import { metricsRoutes } from "./observation-settings.ts";
import { workingFolder } from "./working-folder.ts";
import { readinessTarget, workerLife } from "./worker-settings.ts";
import type { SystemSettings } from "./system-settings.ts";
import type { Traces } from "./trace-settings.ts";
import { zygoteCommand } from "./zygote-ahead.ts";
import { readBelievedFields, readHostPatterns, readNetworks } from "./proxy-settings.ts";

/** What a run is made of, once the command line has been understood. */
export interface Run {
  readonly options: Options;
  readonly reference: string;
  readonly folder: string;
  readonly interpreter: PythonInterpreter;
  /** The folder of the program that the interpreter runs. */
  readonly pythonProgram: string;
  readonly workers: { readonly range: WorkerRange; readonly reason: string };
  readonly version: string;
}

/** Where it is said what became of requests. */
export interface RequestLogs {
  readonly refusals: RefusalReport;
  /** null where none is wanted. */
  readonly access: AccessLog | null;
  /** null where requests are not traced. */
  readonly traces: Traces | null;
  /** null where nobody asks for figures. */
  readonly metrics: MetricsSettings | null;
}

/**
 * What the options say, as the gateway takes it.
 *
 * @throws {OperatorError} exit status 2: a value that is wrong by itself or beside another
 */
export function gatewaySettings(
  run: Run,
  transport: Transport,
  env: NodeJS.ProcessEnv,
  system: SystemSettings,
  zygoteAhead: ZygoteAhead | null,
  logs: RequestLogs,
): GatewaySettings {
  const { options } = run;
  const life = workerLife(options);
  const startFolder = workingFolder(env);
  const development = developmentSettings(options, run.reference, run.folder);
  const statistics = new ExchangeStatistics(metricsRoutes(options));
  const exchanges = { statistics, errors: new RecentErrors() };
  return {
    version: run.version,
    drainDelayMs: options.drainDelayMs,
    health: healthPaths(options),
    bind: system.bind,
    surroundings: system.surroundings,
    succession: system.succession,
    backlog: options.backlog,
    gracefulTimeoutMs: options.gracefulTimeoutMs,
    http: httpSettings(options, transport, logs, exchanges),
    exchanges,
    metrics: logs.metrics,
    headerMap: options.headerMap,
    development,
    supervisor: {
      workers: run.workers.range,
      watchWindowMs: development === null ? options.watchWindowMs : null,
      generation: {
        life,
        readiness: readinessTarget(options.readyPath),
        zygote: {
          ...zygoteCommand(run, env),
          ahead: zygoteAhead,
          pythonpath: options.pythonpath.map((entry) => path.resolve(startFolder, entry)),
          rootPath: options.rootPath,
          version: run.version,
          multiprocess: run.workers.range.max > 1 || life.workerClass === "request",
          workerClass: life.workerClass,
          threads: life.threads,
          hooks: options.hooks?.endsWith(".py")
            ? path.resolve(startFolder, options.hooks)
            : options.hooks,
          maxRssBytes: options.rssMaxBytes,
          reportFiles: development !== null,
          errorLog: options.errorLog === null ? null : path.resolve(options.errorLog),
          logFormat: options.logFormat,
          startTimeoutMs: options.startTimeoutMs,
        },
      },
      limits: {
        queueLengthMax: options.queueLengthMax,
        queueTimeoutMs: options.queueTimeoutMs,
        timeoutMs: options.timeoutMs,
      },
    },
  };
}

function healthPaths(options: Options): HealthPaths {
  const [livez, readyz] = [options.livezPath, options.readyzPath];
  if (livez === null || livez !== readyz) return { livez, readyz };
  throw new OperatorError(
    EXIT_STATUS.usage,
    `--livez and --readyz are both ${livez}: who asks there has to mean one of the two`,
  );
}

function httpSettings(
  options: Options,
  transport: Transport,
  { refusals, access, traces, metrics }: RequestLogs,
  { statistics, errors }: ObservedExchanges,
): HttpServerSettings {
  const plain = plainHttpSettings(options, transport);
  const { provenance } = plain;
  return {
    ...plain,
    admissionRules: admissionRules(options, refusals),
    exchangeLogging: exchangeLogging(
      [access, traces?.listener, statistics, errors].filter((listener) => listener != null),
      access !== null || traces !== null || metrics !== null || options.dashboard !== null,
      options.headerMap,
      traces === null ? null : new RequestTracer(traces.sampling, options.traceParent, provenance),
    ),
  };
}

/**
 * What holds for whatever speaks HTTP here.
 *
 * @throws {OperatorError} exit status 2: a value that is wrong by itself or beside another
 */
export function plainHttpSettings(options: Options, transport: Transport): MetricsHttpSettings {
  const proxies = readTrustedProxies(options);
  const proxiesAreNamed = areProxiesNamed(options, proxies);
  const provenance = new ProvenanceReader(
    proxies,
    readBelievedFields(
      "--forwarded-fields",
      options.forwardedFields,
      proxiesAreNamed ? TRUSTING : CAREFUL,
    ),
  );
  return {
    request: requestLimits(options),
    spool: {
      inlineMaxBytes: options.bodyInlineBytes,
      folder: os.tmpdir(),
      namedFileFolder: () => transport.namedFileFolder,
    },
    // A worker of class request is there for one request, and would be gone with one that it left.
    lendsContent: options.workerClass !== "request",
    headerTimeoutMs: options.headerTimeoutMs,
    contentTransfer: {
      pauseMaxMs: options.bodyTimeoutMs,
      rateMinBytes: options.bodyRateMinBytes,
    },
    outlet: {
      transfer: {
        pauseMaxMs: options.writeTimeoutMs,
        rateMinBytes: options.writeRateMinBytes,
      },
      memoryMaxBytes: options.responseBufferBytes,
      fileMaxBytes: options.responseSpoolBytes,
      folder: os.tmpdir(),
    },
    keepAliveTimeoutMs: options.keepAliveTimeoutMs,
    exchangeTimeoutMs: options.exchangeTimeoutMs,
    pipelinedLimitBytes: options.pipelinedLimitBytes,
    namesRequests: options.namesRequests,
    tellsTimes: options.serverTiming,
    heldMemoryMaxBytes: options.responseBufferTotalBytes,
    connectionsMax: options.connectionsMax,
    connectionsPerAddressMax: options.connectionsPerAddressMax,
    countsTrustedPeers: !proxiesAreNamed && options.proxyProtocol === "off",
    proxyProtocol: options.proxyProtocol === "off" ? null : options.proxyProtocol,
    serverField: options.serverField,
    errorPages: new ErrorPages(
      options.errorFormat,
      options.errorPage === null ? null : readErrorPage(options.errorPage),
    ),
    provenance,
  };
}

function exchangeLogging(
  listeners: readonly ExchangeListener[],
  fromStart: boolean,
  headerMap: Options["headerMap"],
  tracer: RequestTracer | null,
): ExchangeLogging {
  return {
    listener: new ExchangeListeners(listeners),
    record: new ExchangeRecord(headerMap),
    clock: new ExchangeClock(realClock),
    fromStart,
    tracer,
  };
}

/**
 * An operator who names the proxies knows them: then what they say of the host counts as well, and
 * their connections are not counted as one client's. This machine, the default, may be anybody, and
 * so may whoever `*` lets in.
 */
function areProxiesNamed(options: Options, proxies: IpNetworks): boolean {
  return !proxies.all && !isDefault(options, "forwardedAllowIps");
}

function readTrustedProxies(options: Options): IpNetworks {
  const proxies = readNetworks("--forwarded-allow-ips", options.forwardedAllowIps);
  if (proxies.all && options.connectionsPerAddressMax !== null && options.proxyProtocol === "off") {
    throw new OperatorError(
      EXIT_STATUS.usage,
      "--connections-per-address-max: with --forwarded-allow-ips * every peer is a proxy, whose " +
        "connections do not count; name the proxies, or leave the limit out",
    );
  }
  return proxies;
}

/**
 * In the order in which they are asked: what makes the rest meaningless comes first, and CORS
 * before everything whose answer a page may have to read.
 */
function admissionRules(options: Options, report: RefusalReport): AdmissionRule[] {
  const { cors, fetch } = readEdgeRules(options, report);
  const hosts = readHostPatterns("--allowed-host", options.allowedHosts);
  return [
    new RefusedContradictions(),
    new SecuredTargets(),
    ...(hosts === null ? [] : [new AllowedHosts(hosts)]),
    ...(cors === null ? [] : [cors]),
    ...(fetch === null ? [] : [fetch]),
    ...(options.headerMap === "refuse" ? [new RefusedUnderscores()] : []),
    new ServedMethods(options.refusedMethods),
  ];
}

function requestLimits(options: Options): RequestLimits {
  return {
    requestLineLimitBytes: options.requestLineLimitBytes,
    headLimitBytes: options.headLimitBytes,
    fieldCountMax: options.fieldCountMax,
    fieldLimitBytes: options.fieldLimitBytes,
    bodyLimitBytes: options.bodyLimitBytes ?? Number.MAX_SAFE_INTEGER,
    trailerLimitBytes: options.trailerLimitBytes,
    chunkExtensionLimitBytes: options.chunkExtensionLimitBytes,
  };
}
