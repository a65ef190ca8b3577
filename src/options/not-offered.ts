/**
 * What other servers have an option for and Portico has not, and what to do instead.
 *
 * An option of theirs that only has another name here is in that option's record (`alsoCalled`).
 */

const NO_TLS =
  "Portico speaks HTTP/1.1 without TLS: what ends TLS stands in front (docs/behind-a-proxy.md)";
const NO_DAEMON = "it stays in the foreground: a service manager starts it (docs/deploy.md)";

const TLS_FLAGS = [
  "--certfile",
  "--keyfile",
  "--ssl-certfile",
  "--ssl-keyfile",
  "--ssl-certificate",
  "--tls",
  "--tls-cert",
  "--tls-key",
  "--cert",
  "--key",
  "--http2",
  "--http",
  "--https",
];

export const NOT_OFFERED: ReadonlyMap<string, string> = new Map([
  ...TLS_FLAGS.map((flag) => [flag, NO_TLS] as const),
  ...["--daemon", "--daemonize", "-D"].map((flag) => [flag, NO_DAEMON] as const),
]);
