/**
 * Options: the servers that stand in front.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const PROXIES_OPTIONS = {
  forwardedAllowIps: {
    kind: "text",
    group: "Proxies",
    flag: "--forwarded-allow-ips",
    placeholder: "NETWORK",
    fallback: ["127.0.0.0/8", "::1"],
    pattern: /^[^\0]+$/,
    expects: "addresses or networks such as 10.0.0.0/8, *, or none",
    separator: ",",
    environmentAliases: [{ name: "FORWARDED_ALLOW_IPS", prefix: "" }],
    alsoCalled: ["--trusted-proxy", "--trusted-proxies", "--trusted-hosts"],
    summary: "peers that are believed about the client; an address, a network, or *; repeatable",
    help:
      "Bounds whose `Forwarded` and `X-Forwarded-...` fields count: from anybody else they are " +
      "removed, since whoever sends them could be any client it likes. Too wide lets clients " +
      "forge addresses; too narrow shows the proxy's address and http. `*` believes every peer, " +
      "for platforms that hide their routers; addresses in a list are then still looked past " +
      "only where a network names them. Unix sockets are always believed. What is given replaces " +
      "the default. FORWARDED_ALLOW_IPS is honoured. gunicorn and uvicorn 127.0.0.1 and ::1. " +
      "[behind-a-proxy.md](behind-a-proxy.md).",
    since: "0.1.0",
  },
  forwardedFields: {
    kind: "text",
    group: "Proxies",
    flag: "--forwarded-fields",
    placeholder: "FIELD",
    fallback: ["auto"],
    pattern: /^[\w, -]+$/,
    expects: "auto, or names such as forwarded or x-forwarded-for",
    separator: ",",
    alsoCalled: ["--trusted-proxy-headers", "--proxy-headers"],
    summary: "fields that the trusted proxies write, and so are believed; repeatable",
    help:
      "Proxies hand on what they do not write, so a field that yours leave alone is the " +
      "client's. `auto`: `Forwarded`, X-Forwarded-For and X-Forwarded-Proto; X-Forwarded-Host " +
      "from proxies that --forwarded-allow-ips names, else only where Host is an address or an " +
      "internal name, which a proxy put there; and 400 where the two kinds contradict each " +
      "other. Else exactly those named, of `forwarded`, `x-forwarded-for`, " +
      "`x-forwarded-proto`, `x-forwarded-host` and `x-forwarded-port`. waitress none by " +
      "default, Werkzeug's ProxyFix for and proto.",
    since: "0.1.0",
  },
  proxyProtocol: {
    kind: "choice",
    group: "Proxies",
    flag: "--proxy-protocol",
    fallback: "off",
    words: ["off", "v1", "v2", "auto"],
    alsoCalled: ["--enable-proxy-protocol", "--http-enable-proxy-protocol"],
    summary: "PROXY header that trusted peers begin their connections with",
    help:
      "For proxies that pass TCP on and add no fields of HTTP: the header says who the client " +
      "is. `v1`, `v2`: each connection of a trusted peer must begin with one, and is closed " +
      "where it does not. `auto`: either version or none, for the minutes of a change only, " +
      "since a client can write a header where the proxy writes none. From anybody else a " +
      "header is a malformed request, 400, because it would let clients forge their addresses. " +
      "Off while the proxy sends one, and every request is 400. gunicorn, nginx and HAProxy " +
      "off. [proxy-protocol.md](proxy-protocol.md).",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
