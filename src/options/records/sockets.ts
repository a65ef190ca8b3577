/**
 * Options: where and how connections come in.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const SOCKETS_OPTIONS = {
  bind: {
    kind: "text",
    group: "Sockets",
    flag: "--bind",
    short: "-b",
    placeholder: "ADDRESS",
    fallback: ["127.0.0.1:8000"],
    pattern: /^[^\0]+$/,
    expects: "HOST:PORT, :PORT, [IPV6]:PORT, unix:PATH or fd://NUMBER",
    separator: ",",
    environmentAliases: [{ name: "PORT", prefix: "0.0.0.0:" }],
    alsoCalled: ["--host", "--port", "--listen", "--http", "--http-socket", "--uds", "--fd"],
    summary: "HOST:PORT, :PORT, [IPV6]:PORT, unix:PATH or fd://N; repeatable",
    help:
      "Where to listen. Port 0 lets the kernel choose. The default is reached from this machine " +
      "only, on purpose. Where PORT is set, as hosting platforms do, the default becomes " +
      "`0.0.0.0:$PORT` (gunicorn does the same). `fd://3` is a listening stream socket that " +
      "Portico was started with as descriptor 3. Where systemd passes sockets (LISTEN_FDS), they " +
      "are what is listened on in place of the default; beside any `--bind`, only those that an " +
      "`fd://` names. Parted by commas in the environment.",
    since: "0.1.0",
  },
  backlog: {
    kind: "integer",
    group: "Sockets",
    flag: "--backlog",
    placeholder: "COUNT",
    fallback: 2048,
    min: 1,
    max: 65_535,
    summary: "connections that may wait in the kernel to be accepted",
    help:
      "Bounds the kernel's accept queue, see listen(2). The kernel cuts it to " +
      "`net.core.somaxconn`, and Portico says so at start. Too low, and clients see timeouts in " +
      "a burst. gunicorn 2048, nginx 511, uvicorn 2048.",
    since: "0.1.0",
  },
  transport: {
    kind: "choice",
    group: "Sockets",
    flag: "--transport",
    fallback: "auto",
    words: ["auto", "epoll", "node"],
    summary: "how sockets are reached",
    help:
      "`epoll`: Portico's own system calls, Linux only, the fastest. `node`: Node's own sockets, " +
      "on any system. `auto`: epoll where it is to be had.",
    since: "0.1.0",
  },
  connectionsMax: {
    kind: "integer",
    group: "Sockets",
    flag: "--connections-max",
    placeholder: "COUNT",
    fallback: null,
    min: 1,
    max: 1_000_000,
    offAllowed: true,
    alsoCalled: ["--limit-concurrency", "--connection-limit", "--worker-connections"],
    summary: "connections open at once (floods); one more is answered 503",
    help:
      "Bounds memory and descriptors while clients open connections and keep them (a " +
      "connection flood, or slowloris from many machines). As many more as the limit are " +
      "answered 503 at a time; beyond that a connection is closed without an answer. Off: the " +
      "limit on descriptors (RLIMIT_NOFILE) is the bound. waitress 100, gunicorn 1000 a " +
      "worker, nginx 512 a worker.",
    since: "0.1.0",
  },
  connectionsPerAddressMax: {
    kind: "integer",
    group: "Sockets",
    flag: "--connections-per-address-max",
    placeholder: "COUNT",
    fallback: null,
    min: 1,
    max: 1_000_000,
    offAllowed: true,
    alsoCalled: ["--limit-conn", "--max-connections-per-ip"],
    summary: "connections open at once from one address; one more is answered 503",
    help:
      "Bounds what a single machine can take of `--connections-max` and of the descriptors, as " +
      "a slow attack (slowloris) does. As many more as the limit are answered 503 at a time; " +
      "beyond that a connection is closed without an answer. An IPv6 address counts with its " +
      "whole /64, which one client mostly has. Peers that `--forwarded-allow-ips` names and " +
      "Unix sockets do not count, because all their clients share their address: name a proxy " +
      "on this machine (`127.0.0.1`), or its clients count as one; with `--proxy-protocol` the " +
      "client's address counts. Too low hurts offices and mobile networks, where many share " +
      "one address: a browser opens 6 connections. nginx `limit_conn`, off; gunicorn has none. " +
      "[proxy-protocol.md](proxy-protocol.md).",
    since: "0.1.0",
  },
  serverField: {
    kind: "text",
    group: "Sockets",
    flag: "--server-header",
    placeholder: "TEXT",
    fallback: "portico",
    offAllowed: true,
    pattern: /^[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?$/,
    expects: "1 to 128 printable ASCII characters",
    alsoCalled: ["--ident", "--no-server-header"],
    summary: "value of the Server field in responses",
    help:
      "RFC 9110 section 10.2.4. It names no version, since that would only help an attacker. An " +
      "application's own Server field is kept. Off: none is added.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
