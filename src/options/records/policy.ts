/**
 * Options: which requests are let through to the application.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const POLICY_OPTIONS = {
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
