/**
 * Options: what the gateway says of its own health to those who decide where requests go.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

const PATH = { pattern: /^\/[!-"$->@-~]*$/, expects: "a path that begins with /" } as const;

export const HEALTH_OPTIONS = {
  livezPath: {
    kind: "text",
    group: "System",
    flag: "--livez",
    placeholder: "PATH",
    fallback: null,
    ...PATH,
    summary: "path that the gateway answers itself: 200 while it lives",
    help:
      "For a liveness probe. No worker is asked, so it answers also when all of them are busy, " +
      "the queue is full, or --connections-max is reached; and no rule holds for it " +
      "(--allowed-host, --fetch-policy), since a kubelet asks by address. The path is compared " +
      "as it comes, without its query; the application never sees it. Anybody who can reach the " +
      "server can ask. In no peer; elsewhere an application's own view, which fails whenever all " +
      "workers are busy.",
    since: "0.1.0",
  },
  readyzPath: {
    kind: "text",
    group: "System",
    flag: "--readyz",
    placeholder: "PATH",
    fallback: null,
    ...PATH,
    summary: "path that the gateway answers itself: 200 while requests should come, else 503",
    help:
      "For a readiness probe, or a load balancer's health check. 503 as long as no worker of the " +
      "code that serves is ready, and from the moment at which it is told to stop, see " +
      "--drain-delay. Otherwise as --livez. It says nothing of the application's own " +
      "dependencies: --ready-path asks the application, once for each worker.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
