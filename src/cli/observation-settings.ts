/**
 * From options to what those who run the server see of it beside its logs: metrics, and by which
 * routes they are told apart. Loads a library only where something is asked for that needs it.
 */
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { parsePathPrefix } from "../http/path-rules.ts";
import { type BindAddress, type NamedAddress, parseBindAddress } from "../net/bind-address.ts";
import type { Options } from "../options/registry.ts";
import { ExchangeRoutes, OTHER_ROUTE } from "../server/observation/exchange-routes.ts";
import type { MetricsAtAddress, MetricsAtPath } from "../server/observation/gateway-metrics.ts";
import { membersOf } from "./proxy-settings.ts";

/** Names of routes: each is a label's value in about a hundred series. */
const ROUTES_MAX = 50;
const ROUTE = /^([A-Za-z0-9_.:-]{1,64})=(.+)$/;
const PATH = /^\/[!-"$->@-~]*$/;

/**
 * @returns null where no metrics are asked for
 * @throws {OperatorError} exit status 2: the place is none
 */
export async function metricsSettings(
  options: Options,
): Promise<MetricsAtAddress | MetricsAtPath | null> {
  if (options.metrics === null) return null;
  const place = readPlace(options.metrics);
  const taken = [options.livezPath, options.readyzPath];
  if (place.kind === "path" && taken.includes(place.path)) {
    throw refused(`${place.path} is the path of --livez or --readyz; choose another`);
  }
  const { metricsText } = await import("../server/observation/metrics-text.ts");
  return { ...place, makeText: metricsText };
}

/** @throws {OperatorError} exit status 2: one of them is none */
export function metricsRoutes(options: Options): ExchangeRoutes {
  const names = new Map<string, string>();
  for (const member of membersOf(options.metricsRoutes)) {
    const [, name, path] = ROUTE.exec(member) ?? [];
    if (name === undefined || path === undefined) {
      throw refusedRoute(`${member} is no name and path, such as api=/api`);
    }
    if (name === OTHER_ROUTE) throw refusedRoute(`${member}: ${name} is what fits no route`);
    const parsed = parsePathPrefix(path);
    if (parsed.kind === "refused") throw refusedRoute(`${member}: the path ${parsed.why}`);
    if (names.has(parsed.prefix)) throw refusedRoute(`${member}: the path has a name already`);
    names.set(parsed.prefix, name);
  }
  const routes = new ExchangeRoutes(names, options.rootPath);
  if (routes.names.length - 1 > ROUTES_MAX) throw refusedRoute(`more than ${ROUTES_MAX} names`);
  return routes;
}

function readPlace(
  text: string,
): Omit<MetricsAtAddress, "makeText"> | Omit<MetricsAtPath, "makeText"> {
  if (!text.startsWith("/")) return { kind: "address", bind: readAddress("--metrics", text) };
  if (PATH.test(text)) return { kind: "path", path: text };
  throw refused(`${text} is no path of a site: it has a space, a query, a fragment or the like`);
}

/**
 * An address for something else than what clients ask.
 *
 * @throws {OperatorError} exit status 2: it is none, or a descriptor
 */
export function readAddress(flag: string, text: string): NamedAddress {
  let bind: BindAddress;
  try {
    bind = parseBindAddress(text);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    throw new OperatorError(error.exitStatus, error.message.replace("--bind", flag));
  }
  if (bind.kind !== "descriptor") return bind;
  throw new OperatorError(
    EXIT_STATUS.usage,
    `${flag}: ${text}: a socket that was passed can only be one of --bind`,
  );
}

function refused(why: string): OperatorError {
  return new OperatorError(EXIT_STATUS.usage, `--metrics: ${why}`);
}

function refusedRoute(why: string): OperatorError {
  return new OperatorError(EXIT_STATUS.usage, `--metrics-route: ${why}`);
}
