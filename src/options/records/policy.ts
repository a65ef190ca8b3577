/**
 * Options: which requests are let through to the application.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const POLICY_OPTIONS = {
  allowedHosts: {
    kind: "text",
    group: "Policy",
    flag: "--allowed-host",
    placeholder: "HOST",
    fallback: [],
    pattern: /^[^\0]+$/,
    expects: "a host such as example.org or *.example.org",
    separator: ",",
    alsoCalled: ["--allowed-hosts", "--server-name"],
    summary: "host that requests may be for, others get 421; repeatable",
    help:
      "An application that trusts Host can be made to send links to an attacker's site " +
      "(password resets), or to fill a cache with them. `*.example.org` is every name below " +
      "example.org, `.example.org` is itself too. A port counts only where it is given; case and " +
      "a dot at the end never do. A request that names no host is refused too (RFC 9110 section " +
      "15.5.20). Too narrow refuses health checks that ask by address. Without it every host is " +
      "served. nginx `server_name`, Django ALLOWED_HOSTS.",
    since: "0.1.0",
  },
  headerMap: {
    kind: "choice",
    group: "Policy",
    flag: "--header-map",
    fallback: "drop",
    words: ["drop", "refuse", "dangerous"],
    summary: "what becomes of fields whose names have an underscore",
    help:
      "WSGI makes HTTP_X_USER of both `X-User` and `X_User`, so that a client can slip past a " +
      "proxy what only the proxy should say. `drop`: the application does not see those with an " +
      "underscore. `refuse`: 400. `dangerous`: both are combined, for clients that cannot be " +
      "changed; even then not for fields of proxies, of browsers (`Sec-...`) or of the message " +
      "itself. gunicorn the same, nginx drops.",
    since: "0.1.0",
  },
  refusedMethods: {
    kind: "text",
    group: "Policy",
    flag: "--refuse-method",
    placeholder: "METHOD",
    fallback: ["TRACE"],
    pattern: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,36}$/,
    expects: "a method, such as TRACE",
    separator: ",",
    summary: "method that is answered 501 and never reaches the application; repeatable",
    help:
      "TRACE would send a client's own fields back to it, cookies included, which a script in a " +
      "page can then read (cross-site tracing). Methods are case-sensitive. CONNECT is always " +
      "refused, since no WSGI application can make a tunnel. What is given replaces the default.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
