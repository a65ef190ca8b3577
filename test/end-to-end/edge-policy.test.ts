/** Fetch Metadata and CORS over a real server: what reaches Python, and what every answer says. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { APPLICATIONS, TRANSPORTS } from "./exercise.ts";
import { RawClient, rawRequest, type RawResponse } from "./raw-client.ts";
import { runPortico, type ServerProcess, startPortico } from "./server-process.ts";

type Fields = Readonly<Record<string, string>>;

const APP = "https://app.example.org";
const EVIL = "https://evil.example";
const STRANGER = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors" };
const PREFLIGHT = {
  Origin: APP,
  "Access-Control-Request-Method": "PUT",
  "Access-Control-Request-Headers": "content-type,x-token",
};
const FETCH_VARY = "Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest";

function request(line: string, fields: Fields = {}): string {
  const fieldLines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = line.startsWith("P") ? "Content-Length: 2\r\n" : "";
  const content = length === "" ? "" : "hi";
  return `${line} HTTP/1.1\r\nHost: shop.example\r\n${fieldLines.join("")}${length}\r\n${content}`;
}

function start(args: readonly string[]): Promise<ServerProcess> {
  return startPortico(["--chdir", APPLICATIONS, "--workers", "1", ...args, "edges:app"]);
}

/** All that an answer says by the CORS protocol, one a line, in lower case. */
function corsOf(response: RawResponse): string[] {
  return response.fields
    .filter(([name]) => /^access-control-/i.test(name))
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`);
}

for (const transport of TRANSPORTS) {
  describe(`edge policies, by ${transport}`, () => {
    let server: ServerProcess;
    const ask = (line: string, fields?: Fields): Promise<RawResponse> =>
      rawRequest(server.port, request(line, fields));
    /** What reached the application since this was asked last. */
    const seen = async (): Promise<string[]> => {
      const list = JSON.parse((await ask("GET /seen")).text) as string[][];
      return list.map(([method, path]) => `${method} ${path}`);
    };

    before(async () => {
      server = await start([
        `--transport=${transport}`,
        "--limit-request-body=100",
        "--timeout=500ms",
        "--fetch-policy=enforce,/public/=off,/watched/=report",
        `--cors-origin=/api=${APP}`,
        "--cors-origin=/api=https://*.partner.example",
        "--cors-origin=/open/=*",
        "--cors-headers=content-type,x-token",
        "--cors-credentials=/api",
        "--cors-expose-headers=x-other",
      ]);
    });
    after(() => server[Symbol.asyncDispose]());
    beforeEach(seen);

    test("enforce: a stranger's request is answered 403 and does not reach Python", async () => {
      for (const line of ["GET /", "POST /", "GET /public/..%2fx", "GET /watched/%2e%2e/x"]) {
        const refused = await ask(line, STRANGER);
        assert.equal(refused.status, 403, line);
        assert.equal(refused.field("Vary"), FETCH_VARY);
        assert.equal(refused.field("Cache-Control"), "no-store");
        assert.match(refused.text, /^403 Forbidden\npages of other sites/);
      }
      assert.deepEqual(await seen(), []);
      await server.until("a line", () => /site was refused method=POST/.test(server.stderr));
    });

    test("enforce: what passes reaches Python, and its Vary is kept", async () => {
      const link = { ...STRANGER, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };
      for (const fields of [{}, link, { ...STRANGER, "Sec-Fetch-Site": "same-origin" }]) {
        const response = await ask("GET /x", fields);
        assert.equal(response.status, 200);
        assert.equal(response.field("Vary"), `Cookie, ${FETCH_VARY}`);
      }
      assert.equal((await seen()).length, 3);
    });

    test("off and report: nothing is changed", async () => {
      for (const path of ["/public/x", "/watched/x?secret=1"]) {
        const response = await ask(`POST ${path}`, STRANGER);
        assert.equal(response.status, 200);
        assert.equal(response.field("Vary"), "Cookie");
      }
      assert.deepEqual(await seen(), ["POST /public/x", "POST /watched/x"]);
      await server.until("a line", () =>
        /warn --fetch-policy enforce would .* method=POST path=\/watched\/x site=/.test(
          server.stderr,
        ),
      );
      assert.doesNotMatch(server.stderr, /secret/);
    });

    test("a refused request leaves the connection usable", async () => {
      using client = await RawClient.connect(server.port);
      assert.equal((await client.exchange(request("POST /", STRANGER))).status, 403);
      assert.equal((await client.exchange(request("POST /"))).status, 200);
    });

    test("a preflight is answered without Python", async () => {
      const allowed = await ask("OPTIONS /api/x", { ...STRANGER, ...PREFLIGHT });
      assert.equal(allowed.status, 204);
      assert.equal(allowed.field("Content-Length"), null);
      assert.deepEqual(corsOf(allowed), [
        `access-control-allow-origin: ${APP}`,
        "access-control-allow-credentials: true",
        "access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE",
        "access-control-allow-headers: content-type, x-token",
        "access-control-max-age: 600",
      ]);
      for (const change of [
        { Origin: EVIL },
        { Origin: "null" },
        { "Access-Control-Request-Method": "PURGE" },
        { "Access-Control-Request-Headers": "x-other" },
      ]) {
        const refused = await ask("OPTIONS /api/x", { ...PREFLIGHT, ...change });
        assert.equal(refused.status, 403, JSON.stringify(change));
        assert.deepEqual(corsOf(refused), []);
      }
      assert.deepEqual(await seen(), []);
      assert.equal((await ask("OPTIONS /api/x", { Origin: APP })).status, 200);
      assert.deepEqual(await seen(), ["OPTIONS /api/x"]);
    });

    test("answers name the origin that may read them, in place of the application's", async () => {
      const allowed = await ask("PUT /api/x", {
        ...STRANGER,
        "Sec-Fetch-Mode": "cors",
        Origin: APP,
      });
      assert.equal(allowed.status, 200);
      assert.deepEqual(corsOf(allowed), [
        `access-control-allow-origin: ${APP}`,
        "access-control-allow-credentials: true",
        "access-control-expose-headers: x-other",
      ]);
      assert.equal(allowed.field("Vary"), `Cookie, Origin, ${FETCH_VARY}`);
      for (const fields of [{}, { Origin: EVIL }, { Origin: "null" }] as const) {
        const response = await ask("GET /api/x", fields);
        assert.equal(response.status, 200);
        assert.deepEqual(corsOf(response), []);
        assert.equal(response.field("Vary"), `Cookie, Origin, ${FETCH_VARY}`);
      }
      const open = await ask("GET /open/x", { Origin: EVIL });
      assert.equal(open.field("Access-Control-Allow-Origin"), "*");
      assert.equal(open.field("Access-Control-Allow-Credentials"), null);
      assert.equal(open.field("Vary"), `Cookie, ${FETCH_VARY}`);
      assert.equal(corsOf(await ask("GET /x", { Origin: APP })).length, 4, "the application's own");
    });

    test("so do the gateway's own errors", async () => {
      const fields = { Origin: "https://a.partner.example" };
      const large = request("POST /api/x", fields).replace("Length: 2", "Length: 101");
      const answers: readonly [status: number, answer: RawResponse][] = [
        [500, await ask("GET /api/raises", fields)],
        [504, await ask("GET /api/slow", fields)],
        [413, await rawRequest(server.port, large)],
        [501, await ask("TRACE /api/x", fields)],
        [403, await ask("DELETE /api/x", { ...fields, ...STRANGER })],
      ];
      for (const [status, answer] of answers) {
        assert.equal(answer.status, status);
        assert.equal(answer.field("Access-Control-Allow-Origin"), fields.Origin, String(status));
        assert.match(answer.field("Vary") ?? "", /^Origin/);
      }
    });
  });
}

test("without options nothing is touched", async () => {
  await using server = await start([]);
  const actual = await rawRequest(server.port, request("GET /x", { Origin: EVIL, ...STRANGER }));
  assert.equal(actual.status, 200);
  assert.equal(corsOf(actual).length, 4);
  assert.equal(actual.field("Vary"), "Cookie");
  const preflight = await rawRequest(server.port, request("OPTIONS /x", PREFLIGHT));
  assert.equal(preflight.status, 200);
});

test("what CORS grants is granted by path", async () => {
  const env = { PORTICO_CORS_METHODS: "GET,/api=PUT,/api=DELETE", PORTICO_CORS_MAX_AGE: "/api=1m" };
  const args = ["--chdir", APPLICATIONS, `--cors-origin=${APP}`, "edges:app"];
  await using server = await startPortico(args, { env });
  const asked = { Origin: APP, "Access-Control-Request-Method": "DELETE" };
  const preflight = (path: string): Promise<RawResponse> =>
    rawRequest(server.port, request(`OPTIONS ${path}`, asked));
  const allowed = await preflight("/api/x");
  assert.equal(allowed.status, 204);
  assert.equal(allowed.field("Access-Control-Allow-Methods"), "PUT, DELETE");
  assert.equal(allowed.field("Access-Control-Max-Age"), "60");
  for (const path of ["/public/x", "/apiary", "/public/..%2fapi/x"]) {
    const refused = await preflight(path);
    assert.equal(refused.status, 403, path);
    assert.deepEqual(corsOf(refused), []);
  }
  const page = await rawRequest(server.port, request("GET /public/x", { Origin: APP }));
  assert.deepEqual(corsOf(page), [`access-control-allow-origin: ${APP}`]);
  assert.deepEqual(JSON.parse((await rawRequest(server.port, request("GET /seen"))).text), [
    ["GET", "/public/x", ""],
  ]);
});

test("a method whose path is missing is refused at start", async () => {
  const end = await runPortico([
    "--cors-methods=/api=PUT,DELETE",
    "--chdir",
    APPLICATIONS,
    "edges:app",
  ]);
  assert.equal(end.status, 2, end.stderr);
  assert.match(
    end.stderr,
    /^portico: --cors-methods: DELETE stands behind \/api=PUT: put its path/,
  );
  assert.equal(end.stderr.trimEnd().split("\n").length, 1);
});

test("options come from the environment as well", async () => {
  const env = { PORTICO_FETCH_POLICY: "enforce,/a/=off", PORTICO_CORS_ORIGIN: `/b/=${APP}` };
  await using server = await startPortico(["--chdir", APPLICATIONS, "edges:app"], { env });
  const status = async (path: string): Promise<number> =>
    (await rawRequest(server.port, request(`GET ${path}`, STRANGER))).status;
  assert.equal(await status("/a/x"), 200);
  assert.equal(await status("/b/x"), 403);
  assert.equal((await rawRequest(server.port, request("OPTIONS /b/x", PREFLIGHT))).status, 403);
});

test("* with credentials is refused at start", async () => {
  const args = ["--cors-origin", "*", "--cors-credentials", "--chdir", APPLICATIONS, "edges:app"];
  const end = await runPortico(args);
  assert.equal(end.status, 2, end.stderr);
  assert.match(end.stderr, /^portico: --cors-credentials: not for paths where --cors-origin is \*/);
  assert.equal(end.stderr.trimEnd().split("\n").length, 1);
});
