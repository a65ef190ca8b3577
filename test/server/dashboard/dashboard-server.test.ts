/** The live page's server over real sockets: files, fields, who may look, who may act, bounds. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type RequestOptions,
} from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { NULL_LOG } from "../../../src/base/log.ts";
import { controlCommands } from "../../../src/server/control/control-commands.ts";
import { DashboardServer } from "../../../src/server/dashboard/dashboard-server.ts";
import { VIEWERS_MAX } from "../../../src/server/dashboard/event-feed.ts";
import { EventStreamReader } from "../../../src/server/dashboard/page/event-stream.ts";
import { FakeGateway } from "../control/fake-gateway.ts";
import { PlayedObserved } from "./played-observed.ts";

const TOKEN = "0123456789abcdef";
const PAGE = join(import.meta.dirname, "../../../src/server/dashboard/page");
const BEARER = { Authorization: `Bearer ${TOKEN}` };
const JSON_CONTENT = { "Content-Type": "application/json" };
const CONNECTIONS_MAX = 64;

interface Answer {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  readonly text: string;
}

describe("the server of the live page", () => {
  let observed: PlayedObserved;
  let gateway: FakeGateway;
  let server: DashboardServer;
  let nowMs: number;
  let port: number;

  const start = async (token: string | null): Promise<void> => {
    observed = new PlayedObserved(Date.now());
    gateway = new FakeGateway();
    nowMs = 0;
    server = new DashboardServer(
      {
        observed,
        commands: controlCommands(gateway, gateway.settings),
        token,
        clock: { nowMs: () => nowMs, epochMs: () => 0 },
      },
      NULL_LOG,
    );
    server.server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
    port = (server.server.address() as AddressInfo).port;
  };
  const ask = async (
    path: string,
    options: RequestOptions = {},
    content: string | null = null,
  ): Promise<Answer> => {
    const asked = request({ host: "127.0.0.1", port, path, agent: false, ...options });
    asked.end(content);
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    let text = "";
    for await (const piece of response) text += String(piece);
    return { status: response.statusCode ?? 0, fields: response.headers, text };
  };
  const post = (
    path: string,
    content: string,
    headers: Record<string, string> = {},
  ): Promise<Answer> =>
    ask(path, { method: "POST", headers: { ...JSON_CONTENT, ...BEARER, ...headers } }, content);
  /** The first events of a stream, and a way to end it. */
  const look = async (
    headers: Record<string, string> = {},
  ): Promise<{ names: string[]; end: () => void }> => {
    const asked = request({ host: "127.0.0.1", port, path: "/events", agent: false, headers });
    asked.on("error", () => {});
    asked.end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers["content-type"], "text/event-stream");
    const reader = new EventStreamReader();
    const names: string[] = [];
    response.on("error", () => {});
    while (names.length < 3) {
      const [piece] = (await once(response, "data")) as [Buffer];
      names.push(...reader.push(piece.toString()).map(({ name }) => name));
    }
    return { names, end: () => asked.destroy() };
  };

  beforeEach(() => start(null));
  afterEach(() => server.close());

  test("gives each file of the page, as a browser takes it, and nothing else", async () => {
    const types: Record<string, RegExp> = {
      html: /^text\/html; charset=utf-8$/,
      css: /^text\/css; charset=utf-8$/,
      ts: /^text\/javascript; charset=utf-8$/,
      svg: /^image\/svg\+xml$/,
    };
    for (const name of readdirSync(PAGE)) {
      const { status, fields, text } = await ask(`/${name}`);
      const type = types[name.split(".").at(-1) ?? ""];
      assert.equal(status, type === undefined ? 404 : 200, name);
      if (type === undefined) continue;
      assert.match(fields["content-type"] ?? "", type);
      assert.equal(Number(fields["content-length"]), Buffer.byteLength(text));
      if (name.endsWith(".ts")) assert.doesNotMatch(text, /\bimport type\b|\breadonly\b/, name);
    }
    const index = await ask("/");
    assert.match(index.text, /^<!doctype html>/);
    assert.equal((await ask("/index.html")).text, index.text);
    assert.equal((await ask("/", { method: "HEAD" })).text, "");
    assert.equal((await ask("/?x=1")).status, 200);
    for (const path of ["/x", "/../dashboard.ts", "/%2e%2e/dashboard.ts", "//", "/tsconfig.json"]) {
      assert.equal((await ask(path)).status, 404, path);
    }
  });

  test("says in each answer that nothing comes from elsewhere", async () => {
    for (const path of ["/", "/main.ts", "/none", "/stack", "/reload"]) {
      const { fields } = await ask(path);
      const policy = String(fields["content-security-policy"]);
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.doesNotMatch(policy, /unsafe|http|data:|\*/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.equal(fields["x-content-type-options"], "nosniff");
      assert.equal(fields["referrer-policy"], "no-referrer");
      assert.equal(fields["cache-control"], "no-store");
      assert.equal(fields["set-cookie"], undefined);
    }
    const { text } = await ask("/");
    assert.doesNotMatch(text, /<style|<script(?! type="module" src="\/)| style=| on\w+=|https?:/);
  });

  test("answers to names of this machine only", async () => {
    for (const host of ["evil.example", `evil.example:${port}`]) {
      const { status, text } = await ask("/", { headers: { Host: host } });
      assert.equal(status, 421);
      assert.match(text, /localhost/);
      assert.equal((await ask("/events", { headers: { Host: host } })).status, 421);
    }
    assert.equal((await ask("/", { headers: { Host: `localhost:${port}` } })).status, 200);
    assert.equal(observed.snapshots, 0);
  });

  test("streams events, and computes nothing before and afterwards", async () => {
    assert.equal(observed.snapshots, 0);
    const { names, end } = await look();
    assert.deepEqual(names.slice(0, 3), ["welcome", "points", "snapshot"]);
    end();
    const { snapshots } = observed;
    while (server.isWatched) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(observed.snapshots <= snapshots + 1);
  });

  test("streams to a bounded number, and then says so", async () => {
    const streams = await Promise.all(Array.from({ length: VIEWERS_MAX }, () => look()));
    const { status, text } = await ask("/events");
    assert.equal(status, 503);
    assert.match(text, /8 look already/);
    for (const { end } of streams) end();
  });

  test("has another site's page ask for nothing", async () => {
    const foreign = [
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
      { Origin: "https://evil.example" },
    ];
    for (const headers of foreign) {
      assert.equal((await ask("/events", { headers })).status, 403);
      assert.equal((await ask("/stack?pid=4795", { headers })).status, 403);
    }
    assert.deepEqual([observed.snapshots, observed.stacks], [0, []]);
    // Somebody may follow a link to the page.
    assert.equal((await ask("/", { headers: foreign[0] ?? {} })).status, 200);
  });

  test("gives the stack of a worker, or why there is none", async () => {
    const { status, text } = await ask("/stack?pid=4795");
    assert.equal(status, 200);
    assert.match((JSON.parse(text) as { text: string }).text, /reports\.py", line 88/);
    const refused = await ask("/stack?pid=1");
    assert.equal(refused.status, 409);
    assert.deepEqual(JSON.parse(refused.text), { why: "there is no such worker" });
    for (const pid of ["", "0", "-1", "1e3", "99999999999", "x"]) {
      assert.equal((await ask(`/stack?pid=${pid}`)).status, 400, pid);
    }
    assert.deepEqual(observed.stacks, [4795, 1]);
    assert.equal((await ask("/stack?pid=4795", { method: "POST" })).status, 405);
  });

  test("does nothing where it has no token", async () => {
    for (const path of ["/reload", "/scale"]) {
      const { status, text } = await post(path, '{"min":1,"max":1}');
      assert.equal(status, 403);
      assert.match(text, /--dashboard-token/);
    }
    assert.deepEqual([gateway.reloads, gateway.ranges], [0, []]);
  });

  test("with a token shows nothing without it, and slows who guesses", async () => {
    server.close();
    await start(TOKEN);
    assert.equal((await ask("/")).status, 200, "the page itself, which asks for it");
    for (const path of ["/events", "/stack?pid=4795"]) {
      const { status, fields } = await ask(path);
      assert.equal(status, 401, path);
      assert.match(fields["www-authenticate"] ?? "", /^Bearer/);
    }
    assert.equal((await post("/reload", "{}", { Authorization: "" })).status, 401);
    const { names, end } = await look(BEARER);
    assert.equal(names[0], "welcome");
    end();
    const wrong = { headers: { Authorization: "Bearer wrong" } };
    assert.equal((await ask("/stack?pid=4795", wrong)).status, 401);
    const tooSoon = await ask("/stack?pid=4795", wrong);
    assert.equal(tooSoon.status, 429);
    assert.equal(tooSoon.fields["retry-after"], "1");
    assert.equal((await ask("/stack?pid=4795", { headers: BEARER })).status, 200);
    nowMs = 501;
    assert.equal((await ask("/stack?pid=4795", wrong)).status, 401);
    assert.deepEqual(observed.stacks, [4795]);
  });

  test("the page says whether a token is needed, and nothing of it", async () => {
    assert.match((await ask("/")).text, /<body [^>]*data-token="none"/);
    server.close();
    await start(TOKEN);
    const { text, fields } = await ask("/");
    assert.match(text, /<body [^>]*data-token="needed"/);
    assert.equal(Number(fields["content-length"]), Buffer.byteLength(text));
    assert.doesNotMatch(text, new RegExp(TOKEN));
  });

  test("reloads and scales for who has the token, and says what came of it", async () => {
    server.close();
    await start(TOKEN);
    const scaled = await post("/scale", '{"min":2,"max":5}');
    assert.equal(scaled.status, 200);
    assert.deepEqual(gateway.ranges, [{ min: 2, max: 5 }]);
    assert.equal((await post("/scale", '{"min":5,"max":2}')).status, 400);
    const reloaded = post("/reload", "{}");
    gateway.reloaded.resolve({ kind: "serving", generation: 2 });
    assert.deepEqual(JSON.parse((await reloaded).text), {
      kind: "done",
      result: { generation: 2 },
    });
    gateway.reloaded = Promise.withResolvers();
    gateway.reloaded.resolve({ kind: "failed", generation: 3, why: "SyntaxError", details: "..." });
    const failed = await post("/reload", "{}");
    assert.equal(failed.status, 409);
    assert.match(failed.text, /SyntaxError/);
    const foreign = { "Sec-Fetch-Site": "cross-site" };
    assert.equal((await post("/reload", "{}", foreign)).status, 403);
    assert.equal((await ask("/reload", { headers: BEARER })).status, 405);
    assert.equal(gateway.reloads, 2);
  });

  test("takes a small object of JSON, and nothing else", async () => {
    server.close();
    await start(TOKEN);
    const long = `{"x":"${"x".repeat(5_000)}"}`;
    for (const content of ["", "[]", "null", "1", "{", long]) {
      assert.equal((await post("/scale", content)).status, 400, content.slice(0, 10));
    }
    const form = { "Content-Type": "application/x-www-form-urlencoded" };
    assert.equal((await post("/scale", '{"min":1,"max":1}', form)).status, 400);
    assert.deepEqual(gateway.ranges, []);
  });

  test("has bounds for connections and for the head of a request", async () => {
    assert.equal(server.server.maxConnections, CONNECTIONS_MAX);
    assert.ok(server.server.headersTimeout > 0 && server.server.headersTimeout <= 5_000);
    assert.ok(server.server.requestTimeout > 0 && server.server.requestTimeout <= 10_000);
    const { status } = await ask("/", { headers: { "X-Long": "x".repeat(20_000) } });
    assert.equal(status, 431);
  });

  test("ends streams when it is closed", async () => {
    const socket = connect(port, "127.0.0.1");
    socket.write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await once(socket, "data");
    const ended = once(socket, "close");
    socket.resume();
    server.close();
    await ended;
  });
});
