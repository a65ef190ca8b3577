/**
 * What the application may see of the environment: not what others say to this process alone.
 */
import { environmentName } from "../options/option-spec.ts";
import { optionSpec } from "../options/registry.ts";
import { withoutServiceVariables } from "../os/passed-sockets.ts";
import { GATEWAY_VARIABLE } from "../server/gateways/gateway-messages.ts";
import { TAKEOVER_VARIABLE } from "../server/takeover.ts";

const PERSONAL: readonly string[] = [TAKEOVER_VARIABLE, GATEWAY_VARIABLE];

export function applicationEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const entries = Object.entries(withoutServiceVariables(env));
  return Object.fromEntries(entries.filter(([name]) => !PERSONAL.includes(name)));
}

/** Whoever knows the token of the live page can reload and scale. */
export function withoutDashboardToken(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { [environmentName(optionSpec("dashboardToken"))]: _, ...rest } = env;
  return rest;
}
