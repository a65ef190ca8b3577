/**
 * A client that keeps a server busy while a test does something to it, and keeps a record of each
 * request: what came back, when, and what went wrong in which phase.
 *
 * A real client (`node:http` with connections that are kept), which retries nothing. Each request
 * carries an id of its own that its answer must repeat, so that an answer which reaches the wrong
 * client shows. Must not know what is done to the server.
 */
import assert from "node:assert/strict";
import http from "node:http";
import type { Socket } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import type { Target } from "../end-to-end/raw-client.ts";

const CONNECTIONS_DEFAULT = 6;
const PAUSE_DEFAULT_MS = 8;
const TIMEOUT_DEFAULT_MS = 15_000;
const POLL_INTERVAL_MS = 5;
/** An answer that is read slowly: a pause behind so many characters. */
const SLOW_READ_CHARS = 65_536;
const SLOW_READ_PAUSE_MS = 5;
const WAIT_TIMEOUT_MS = 60_000;
const SHOWN_MAX = 8;
const NANOSECONDS_PER_MS = 1e6;

/** Where an exchange was when it failed. */
export type Phase = "connecting" | "sending" | "waiting" | "reading";

/** What a load sends; its answer must be `expected`, or a status other than 200. */
export interface LoadRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly content: string;
  readonly expected: string;
  /** Whether its answer is taken so slowly that a large one fills what is in between. */
  readonly isReadSlowly?: boolean;
  /** Whether its answer may be cut: its head may leave while there is more to come. */
  readonly mayBeCut?: boolean;
}

/** Makes the request with this id. */
export type RequestKind = (id: string) => LoadRequest;

export interface LoadSettings {
  readonly target: Target;
  /** Parts the ids of two loads on one server. */
  readonly name?: string;
  readonly connections?: number;
  /** Between an answer and the next request on the same connection. */
  readonly pauseMs?: number;
  /** Longest wait for a whole answer; then it has failed. */
  readonly timeoutMs?: number;
  /** Taken in turn. */
  readonly kinds?: readonly RequestKind[];
}

/** One request and what became of it. */
export interface Exchange {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** Monotonic ms. */
  readonly beganAtMs: number;
  tookMs: number;
  /** null where no whole answer came. */
  status: number | null;
  /** The version of the code that answered, as the application says; null where it does not. */
  version: string | null;
  pid: number | null;
  /** Why there is no whole answer, or why it is wrong. */
  failure: string | null;
  phase: Phase;
  /**
   * Whether RFC 9110 section 9.2.2 and RFC 9112 section 9.3.1 let a client send it again by itself:
   * an idempotent request on a connection that was used before, closed without a byte of an answer.
   */
  retriable: boolean;
  /** {@link LoadRequest.mayBeCut} */
  readonly mayBeCut: boolean;
}

/** What a load saw, once it has ended. */
export class LoadReport {
  readonly exchanges: readonly Exchange[];
  readonly connections: number;
  readonly connectionsOpened: number;
  /** The longest time for which this process itself did not get to reading. */
  readonly ownDelayMs: number;

  constructor(
    exchanges: readonly Exchange[],
    connections: number,
    connectionsOpened: number,
    ownDelayMs: number,
  ) {
    this.exchanges = exchanges;
    this.connections = connections;
    this.connectionsOpened = connectionsOpened;
    this.ownDelayMs = ownDelayMs;
  }

  /** Whole answers by status. */
  get statuses(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { status } of this.exchanges) {
      if (status !== null) counts[status] = (counts[status] ?? 0) + 1;
    }
    return counts;
  }

  get failures(): readonly Exchange[] {
    return this.exchanges.filter(({ failure }) => failure !== null);
  }

  get slowest(): Exchange | null {
    return this.exchanges.reduce<Exchange | null>(
      (worst, one) => (worst === null || one.tookMs > worst.tookMs ? one : worst),
      null,
    );
  }

  /** The time within which 99 of 100 answers were whole. */
  get p99Ms(): number {
    const times = this.exchanges.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
    return times[Math.ceil(times.length * 0.99) - 1] ?? 0;
  }

  /** Connections that the server closed, or that broke: each made the client open another. */
  get reconnects(): number {
    return this.connectionsOpened - this.connections;
  }

  /** In one line, for messages. */
  get summary(): string {
    const retriable = this.failures.filter((one) => one.retriable).length;
    return (
      `${this.exchanges.length} requests, statuses ${JSON.stringify(this.statuses)}, ` +
      `${this.failures.length} failures (${retriable} retriable), ` +
      `${this.reconnects} reconnects, p99 ${Math.round(this.p99Ms)} ms, ` +
      `slowest ${Math.round(this.slowest?.tookMs ?? 0)} ms`
    );
  }
}

export interface Expectations {
  /** Statuses that may occur beside 200, each with how often at most. */
  readonly statuses?: Readonly<Record<number, number>>;
  /** Longest time to a whole answer. */
  readonly slowestMs?: number;
  /** Connections that may have been closed; none by default. */
  readonly reconnectsMax?: number;
  /** Requests that may go without an answer, because the gateway that had them was killed. */
  readonly lostMax?: number;
  /** Answers that may be cut in the middle, because their worker was killed there. */
  readonly cutsMax?: number;
  /** Requests that must have been answered at least, so that there was a load at all. */
  readonly requestsMin?: number;
  /** What the server wrote, for the message. */
  readonly output?: string;
}

/**
 * Asserts that each request of the load got exactly one whole answer, its own, and no others than
 * those expected.
 */
export function assertServed(report: LoadReport, expectations: Expectations = {}): void {
  const { statuses = {}, slowestMs, cutsMax = 0, lostMax = 0, requestsMin = 20 } = expectations;
  const { reconnectsMax = cutsMax + lostMax } = expectations;
  const complain = (what: string, shown: readonly Exchange[]): string =>
    [
      what,
      report.summary,
      ...shown.slice(0, SHOWN_MAX).map((one) => JSON.stringify(one)),
      expectations.output ?? "",
    ].join("\n");
  const isCut = ({ phase, status, mayBeCut }: Exchange): boolean =>
    phase === "reading" && status === null && mayBeCut;
  const cuts = report.failures.filter(isCut);
  const lost = report.failures.filter((one) => !isCut(one));
  assert.ok(lost.length <= lostMax, complain("requests without their answer", lost));
  assert.ok(cuts.length <= cutsMax, complain("answers that were cut", cuts));
  assert.ok(report.exchanges.length >= requestsMin, complain("hardly any load", []));
  const allowed = new Map(Object.entries(statuses));
  for (const [status, count] of Object.entries(report.statuses)) {
    if (status === "200" || count <= (allowed.get(status) ?? 0)) continue;
    const shown = report.exchanges.filter((one) => String(one.status) === status);
    assert.fail(complain(`${count} times ${status}`, shown));
  }
  assert.ok(
    report.reconnects <= reconnectsMax,
    complain(`${report.reconnects} connections were closed`, []),
  );
  const { slowest } = report;
  if (slowestMs === undefined || slowest === null) return;
  assert.ok(
    slowest.tookMs <= slowestMs + report.ownDelayMs,
    complain(`an answer took ${slowest.tookMs} ms`, [slowest]),
  );
}

/**
 * Asserts that each POST was run once: what the application wrote has no id twice and each that was
 * answered 200; an id that was answered otherwise may be there.
 *
 * @param ran ids in the order in which the application noted them
 */
export function assertExactlyOnce(report: LoadReport, ran: readonly string[]): void {
  const counts = new Map<string, number>();
  for (const id of ran) counts.set(id, (counts.get(id) ?? 0) + 1);
  const posts = report.exchanges.filter(({ method }) => method === "POST");
  assert.ok(posts.length > 0, "no POST was sent");
  const twice = posts.filter(({ id }) => (counts.get(id) ?? 0) > 1);
  assert.deepEqual(twice, [], "POSTs that ran more than once");
  const missing = posts.filter(({ id, status }) => status === 200 && !counts.has(id));
  assert.deepEqual(missing, [], "POSTs that were answered 200 and never ran");
  const refused = posts.filter(({ id, status }) => status === 503 && counts.has(id));
  assert.deepEqual(refused, [], "POSTs that were answered 503 and ran all the same");
}

/** A GET that is answered at once. */
export const quickGet: RequestKind = (id) => ({
  method: "GET",
  path: `/get/${id}`,
  content: "",
  expected: `${id}\n`,
});

/** A POST whose id the application notes, once each time that it runs. */
export const post: RequestKind = (id) => ({
  method: "POST",
  path: "/post",
  content: id,
  expected: `${id}\n`,
});

/** A GET whose view takes some milliseconds. */
export const slowGet: RequestKind = (id) => ({
  method: "GET",
  path: `/slow/${id}?s=0.03`,
  content: "",
  expected: `${id}\n`,
});

/** A GET whose answer comes in pieces. */
export const streamedGet: RequestKind = (id) => ({
  method: "GET",
  path: `/stream/${id}?n=5&s=0.01`,
  content: "",
  expected: `${id}\n`.repeat(5),
  mayBeCut: true,
});

export const KINDS_DEFAULT: readonly RequestKind[] = [quickGet, post, quickGet, slowGet, post];

/** Requests that go on until {@link Load.stop}. */
export class Load implements AsyncDisposable {
  readonly #settings: LoadSettings;
  readonly #exchanges: Exchange[] = [];
  readonly #clients: Promise<void>[] = [];
  readonly #agents: http.Agent[] = [];
  readonly #ownDelay = monitorEventLoopDelay({ resolution: 5 });
  #connectionsOpened = 0;
  #begun = 0;
  #stopping = false;

  constructor(settings: LoadSettings) {
    this.#settings = settings;
    this.#ownDelay.enable();
    const { connections = CONNECTIONS_DEFAULT } = settings;
    for (let count = 0; count < connections; count++) this.#clients.push(this.#client());
  }

  /** Exchanges that have ended, whichever way. */
  get count(): number {
    return this.#exchanges.length;
  }

  /** Waits until so many more requests, begun from now on or under way, have been answered. */
  async more(count: number): Promise<void> {
    const goal = this.count + count;
    await this.until(`${count} more answers`, () => this.count >= goal);
  }

  /** Waits until the exchanges so far satisfy `condition`. */
  async until(
    what: string,
    condition: (exchanges: readonly Exchange[]) => boolean,
    timeoutMs = WAIT_TIMEOUT_MS,
  ): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!condition(this.#exchanges)) {
      assert.ok(performance.now() < deadline, `${timeoutMs} ms without ${what}`);
      await pause(POLL_INTERVAL_MS);
    }
  }

  /** Waits until each connection has had an answer that began to be waited for after now. */
  async round(): Promise<void> {
    const { connections = CONNECTIONS_DEFAULT } = this.#settings;
    const now = performance.now();
    await this.until("an answer on each connection", (exchanges) => {
      const recent = exchanges.slice(-10 * connections).filter(({ beganAtMs }) => beganAtMs > now);
      return recent.length >= connections;
    });
  }

  /** Sends no more, waits for what is under way, and tells. */
  async stop(): Promise<LoadReport> {
    this.#stopping = true;
    await Promise.all(this.#clients);
    for (const agent of this.#agents) agent.destroy();
    this.#ownDelay.disable();
    const ownDelayMs = this.#ownDelay.max / NANOSECONDS_PER_MS;
    const { length } = this.#clients;
    return new LoadReport(this.#exchanges, length, this.#connectionsOpened, ownDelayMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** One connection, one request after another. */
  async #client(): Promise<void> {
    const { kinds = KINDS_DEFAULT, pauseMs = PAUSE_DEFAULT_MS, name = "r" } = this.#settings;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1 });
    this.#agents.push(agent);
    while (!this.#stopping) {
      const number = this.#begun++;
      const kind = kinds[number % kinds.length] as RequestKind;
      const exchange = await this.#exchange(agent, `${name}-${number}`, kind);
      this.#exchanges.push(exchange);
      await pause(pauseMs);
    }
  }

  #exchange(agent: http.Agent, id: string, kind: RequestKind): Promise<Exchange> {
    const request = kind(id);
    const exchange: Exchange = {
      id,
      method: request.method,
      path: request.path,
      beganAtMs: performance.now(),
      tookMs: 0,
      status: null,
      version: null,
      pid: null,
      failure: null,
      phase: "connecting",
      retriable: false,
      mayBeCut: request.mayBeCut ?? false,
    };
    return new Promise((resolve) => this.#send(agent, request, exchange, resolve));
  }

  #send(
    agent: http.Agent,
    request: LoadRequest,
    exchange: Exchange,
    resolve: (exchange: Exchange) => void,
  ): void {
    const { target, timeoutMs = TIMEOUT_DEFAULT_MS } = this.#settings;
    const place =
      typeof target === "number" ? { host: "127.0.0.1", port: target } : { socketPath: target };
    const { method, path, content } = request;
    const headers = method === "GET" ? {} : { "Content-Length": Buffer.byteLength(content) };
    const sent = http.request({ agent, ...place, method, path, headers });
    let socket: Socket | null = null;
    let readBefore = 0;
    const timer = setTimeout(() => sent.destroy(new Error("timed out")), timeoutMs);
    const end = (failure: string | null): void => {
      if (exchange.tookMs > 0) return;
      clearTimeout(timer);
      exchange.tookMs = performance.now() - exchange.beganAtMs;
      exchange.failure = failure;
      exchange.retriable =
        failure !== null &&
        method === "GET" &&
        sent.reusedSocket &&
        (socket?.bytesRead ?? 0) === readBefore;
      resolve(exchange);
    };
    sent.on("socket", (given) => {
      socket = given;
      readBefore = given.bytesRead;
      if (given.connecting) {
        given.once("connect", () => {
          this.#connectionsOpened++;
          exchange.phase = "sending";
        });
      } else {
        exchange.phase = "sending";
      }
    });
    sent.on("finish", () => (exchange.phase = "waiting"));
    sent.on("error", (error) => end(error.message));
    sent.on("response", (response) => {
      exchange.phase = "reading";
      read(response, request, exchange, end);
    });
    sent.end(content);
  }
}

function read(
  response: http.IncomingMessage,
  request: LoadRequest,
  exchange: Exchange,
  end: (failure: string | null) => void,
): void {
  let text = "";
  let pausedAt = 0;
  response.setEncoding("utf8");
  response.on("data", (piece: string) => {
    text += piece;
    if (request.isReadSlowly !== true || text.length - pausedAt < SLOW_READ_CHARS) return;
    pausedAt = text.length;
    response.pause();
    setTimeout(() => response.resume(), SLOW_READ_PAUSE_MS);
  });
  response.on("error", (error) => end(error.message));
  response.on("close", () => end("the answer was cut short"));
  response.on("end", () => {
    if (!response.complete) return;
    exchange.status = response.statusCode ?? 0;
    exchange.version = singleField(response, "x-version");
    const pid = singleField(response, "x-pid");
    exchange.pid = pid === null ? null : Number(pid);
    const isWrong = exchange.status === 200 ? text !== request.expected : text === "";
    end(isWrong ? `not its answer${difference(text, request.expected)}` : null);
  });
}

/** Where an answer begins to be another, and what it goes on with. */
function difference(text: string, expected: string): string {
  let at = 0;
  while (at < text.length && text[at] === expected[at]) at++;
  const [found, wanted] = [text, expected].map((all) => JSON.stringify(all.slice(at, at + 100)));
  return ` at ${at} of ${text.length}: ${found} in place of ${wanted}`;
}

function singleField(response: http.IncomingMessage, name: string): string | null {
  const value = response.headers[name];
  return typeof value === "string" ? value : null;
}
