/**
 * The live page's server: the page's files to everybody who comes by a name of this machine, events
 * and stacks to who may look, reload and scale to who knows the token.
 *
 * Owns routes, fields and the bounds of a conversation. Where it listens, and when, is
 * `dashboard.ts`. It is `node:http`: a person's browser asks little, and a page that shows how the
 * gateway's own HTTP fares should not depend on it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Clock } from "../../base/clock.ts";
import { LineQuota } from "../../base/line-quota.ts";
import type { Log } from "../../base/log.ts";
import type { ControlCommands } from "../control/control-commands.ts";
import type { Observed } from "../observation/snapshot.ts";
import { EventFeed, VIEWERS_MAX } from "./event-feed.ts";
import { readJsonObject } from "./json-content.ts";
import { PageFiles } from "./page-files.ts";
import { isOwnHost, isOwnSite } from "./request-rules.ts";
import { TokenGate } from "./token-gate.ts";

/** Connections at once, some of them idle ones of browsers; one more is closed unheard. */
const CONNECTIONS_MAX = 64;
/** What a client gets for the head of a request, and for all of it. */
const HEAD_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 5_000;
const HEAD_MAX_BYTES = 16_384;
/** How often these times are looked at. */
const SWEEP_INTERVAL_MS = 1_000;

/** Everything that the page needs comes from here, and nothing of it is written into the page. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const FIELDS: Readonly<Record<string, string>> = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
};

/** What is answered to a request that is not for a file of the page. */
interface Route {
  readonly method: "GET" | "POST";
  readonly needsToken: boolean;
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
}

export interface DashboardServerSettings {
  readonly observed: Observed;
  /** Of which `reload` and `scale` are used. */
  readonly commands: ControlCommands;
  /** null where everybody may look who reaches it, and nobody may do anything. */
  readonly token: string | null;
  readonly clock: Clock;
}

export class DashboardServer {
  readonly server: Server;
  readonly #settings: DashboardServerSettings;
  readonly #log: Log;
  readonly #gate: TokenGate | null;
  readonly #wrongTokens = new LineQuota();
  readonly #files: PageFiles;
  readonly #feed: EventFeed;
  readonly #routes: ReadonlyMap<string, Route>;

  constructor(settings: DashboardServerSettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
    const { token, clock, observed } = settings;
    this.#gate = token === null ? null : new TokenGate(token, clock);
    this.#files = new PageFiles(token !== null);
    this.#feed = new EventFeed(observed, token !== null, (error) => this.#reportBroken(error));
    const command = (name: string): Route => ({
      method: "POST",
      needsToken: true,
      answer: (request, response) => this.#carryOut(name, request, response),
    });
    this.#routes = new Map<string, Route>([
      ["/events", { method: "GET", needsToken: false, answer: this.#stream }],
      ["/stack", { method: "GET", needsToken: false, answer: this.#stack }],
      ["/reload", command("reload")],
      ["/scale", command("scale")],
    ]);
    this.server = createServer(
      {
        headersTimeout: HEAD_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: IDLE_TIMEOUT_MS,
        connectionsCheckingInterval: SWEEP_INTERVAL_MS,
        maxHeaderSize: HEAD_MAX_BYTES,
      },
      (request, response) => void this.#take(request, response),
    );
    this.server.maxConnections = CONNECTIONS_MAX;
    // What keeps the process alive is the gateway.
    this.server.on("connection", (socket) => socket.unref());
  }

  /** Whether somebody looks. */
  get isWatched(): boolean {
    return this.#feed.isWatched;
  }

  close(): void {
    this.#feed.close();
    this.server.close();
    this.server.closeAllConnections();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(FIELDS)) response.setHeader(name, value);
    // A client that goes away has only itself to blame.
    response.on("error", () => {});
    try {
      const target = targetOf(request);
      if (target === null) refuse(response, 400, "that is no path");
      else await this.#route(target.pathname, request, response);
    } catch (error) {
      this.#reportBroken(error);
      if (response.headersSent) response.destroy();
      else refuse(response, 500, "that broke; the error log says how");
    }
  }

  /** Each address has its pause, but whoever has many could send as many. */
  #reportWrongToken(address: string): void {
    const more = this.#wrongTokens.take(this.#settings.clock.nowMs());
    if (more !== null) this.#log.warn("a wrong token for the live page", { address, ...more });
  }

  #reportBroken(error: unknown): void {
    this.#log.error("the live page's server broke", {
      cause: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }

  async #route(target: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host, origin, "sec-fetch-site": fetchSite } = request.headers;
    if (!isOwnHost(host, this.#gate !== null)) {
      refuse(response, 421, "without a token this is reached by an address or as localhost only");
      return;
    }
    const route = this.#routes.get(target);
    if (route === undefined) {
      this.#sendFile(target, request, response);
      return;
    }
    if (request.method !== route.method) {
      response.setHeader("Allow", route.method);
      refuse(response, 405, `${target} is for ${route.method}`);
    } else if (!isOwnSite({ host, origin, fetchSite: fetchSite?.toString() })) {
      refuse(response, 403, "another site may not ask that");
    } else if (this.#mayEnter(route, request, response)) {
      await route.answer(request, response);
    }
  }

  /** Refuses who may not. */
  #mayEnter(route: Route, request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#gate === null) {
      if (!route.needsToken) return true;
      refuse(response, 403, "nothing can be changed here: this portico has no --dashboard-token");
      return false;
    }
    const { authorization } = request.headers;
    const verdict = this.#gate.judge(authorization, request.socket.remoteAddress ?? "");
    switch (verdict.kind) {
      case "right":
        return true;
      case "too-soon":
        response.setHeader("Retry-After", Math.ceil(verdict.waitMs / 1_000));
        refuse(response, 429, "that is not the token, and not the first wrong one");
        return false;
      case "wrong":
        this.#reportWrongToken(request.socket.remoteAddress ?? "");
        refuseToken(response, "that is not the token");
        return false;
      case "missing":
        refuseToken(response, "the token of --dashboard-token is needed");
        return false;
      default:
        return verdict satisfies never;
    }
  }

  #sendFile(target: string, request: IncomingMessage, response: ServerResponse): void {
    const file = this.#files.find(target);
    if (file === null) {
      refuse(response, 404, "there is nothing here");
    } else if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      refuse(response, 405, "this is for GET and HEAD");
    } else {
      response.setHeader("Content-Type", file.mediaType);
      response.setHeader("Content-Length", file.content.length);
      response.end(file.content);
    }
  }

  readonly #stream = (_request: IncomingMessage, response: ServerResponse): void => {
    if (this.#feed.isFull) {
      response.setHeader("Retry-After", 10);
      refuse(response, 503, `${VIEWERS_MAX} look already`);
      return;
    }
    response.setHeader("Content-Type", "text/event-stream");
    response.once("close", () => this.#feed.remove(response));
    this.#feed.add(response);
  };

  readonly #stack = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pid = targetOf(request)?.searchParams.get("pid") ?? "";
    if (!/^[1-9]\d{0,9}$/.test(pid)) {
      refuse(response, 400, "pid is the number of a worker's process");
      return;
    }
    const result = await this.#settings.observed.stack(Number(pid));
    if (result.kind === "stack") send(response, 200, result);
    else refuse(response, 409, result.why);
  };

  async #carryOut(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const content = await readJsonObject(request);
    if (content === null) {
      refuse(response, 400, "an object of JSON is needed, as application/json");
      return;
    }
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const run = this.#settings.commands.get(name);
    const end = await run?.({
      arguments: content,
      signal: gone.signal,
      ended: gone.signal,
      // Only the end is answered.
      progress: () => {},
      hasTakenAll: () => true,
    });
    const answer = end?.answer;
    if (answer === undefined) refuse(response, 404, `${name} is not known here`);
    else if (answer.kind === "refused") refuse(response, 400, answer.why);
    else send(response, answer.kind === "done" ? 200 : 409, answer);
  }
}

function targetOf({ url }: IncomingMessage): URL | null {
  return url?.startsWith("/") === true ? URL.parse(`http://dashboard${url}`) : null;
}

function refuseToken(response: ServerResponse, why: string): void {
  response.setHeader("WWW-Authenticate", 'Bearer realm="portico"');
  refuse(response, 401, why);
}

/** The rest of the request is not read. */
function refuse(response: ServerResponse, status: number, why: string): void {
  response.setHeader("Connection", "close");
  send(response, status, { why });
}

function send(response: ServerResponse, status: number, value: unknown): void {
  if (response.destroyed) return;
  const content = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": content.length,
  });
  response.end(content);
}
