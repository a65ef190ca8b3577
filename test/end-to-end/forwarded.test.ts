/** Behind a proxy: what the application sees of a request, for each kind of peer and option. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { APPLICATIONS, TRANSPORTS } from "./exercise.ts";
import { RawClient, type RawResponse, rawRequest, type Target } from "./raw-client.ts";
import { runPortico, type ServerProcess, startPortico } from "./server-process.ts";

type Environ = Readonly<Record<string, string>>;

function request(lines: readonly string[], host = "shop.portico.dev", version = "1.1"): string {
  const fields = [`Host: ${host}`, ...lines].map((line) => `${line}\r\n`).join("");
  return `GET / HTTP/${version}\r\n${fields}\r\n`;
}

function environ(response: RawResponse): Environ {
  assert.equal(response.status, 200, response.text);
  return JSON.parse(response.field("X-Record") ?? "") as Environ;
}

async function ask(target: Target, lines: readonly string[], host?: string): Promise<Environ> {
  return environ(await rawRequest(target, request(lines, host)));
}

/** REMOTE_ADDR, scheme and host, as `address scheme://host`. */
async function origin(target: Target, lines: readonly string[], host?: string): Promise<string> {
  const seen = await ask(target, lines, host);
  return `${seen["REMOTE_ADDR"]} ${seen["wsgi.url_scheme"]}://${seen["HTTP_HOST"]}`;
}

function start(args: readonly string[], env: Record<string, string> = {}): Promise<ServerProcess> {
  const site = ["--chdir", APPLICATIONS, "--workers", "1", ...args, "recorder:app"];
  return startPortico(site, { env });
}

const SPOOFED = [
  "X-Forwarded-For: 6.6.6.6",
  "X-Forwarded-Proto: https",
  "X-Forwarded-Host: evil.example",
  "X-Real-IP: 6.6.6.6",
  "X-Forwarded-User: admin",
];

for (const transport of TRANSPORTS) {
  describe(`a proxy on this machine, by ${transport}`, () => {
    let server: ServerProcess;
    before(async () => {
      server = await start(["--transport", transport]);
    });
    after(() => server[Symbol.asyncDispose]());

    test("X-Forwarded-For and -Proto of a usual nginx", async () => {
      const seen = await ask(server.port, [
        "X-Forwarded-For: 6.6.6.6, 203.0.113.9",
        "X-Forwarded-Proto: https",
        "X-Real-IP: 203.0.113.9",
      ]);
      assert.deepEqual(
        [seen["REMOTE_ADDR"], seen["REMOTE_PORT"], seen["wsgi.url_scheme"], seen["HTTP_HOST"]],
        ["203.0.113.9", "", "https", "shop.portico.dev"],
      );
      assert.deepEqual([seen["SERVER_NAME"], seen["SERVER_PORT"]], ["shop.portico.dev", "443"]);
      assert.equal(seen["HTTP_X_FORWARDED_FOR"], "203.0.113.9");
      assert.equal(seen["HTTP_X_REAL_IP"], "203.0.113.9");
    });

    test("a client's X-Forwarded-Host does not overrule a Host that the proxy kept", async () => {
      const spoofed = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: evil.example"];
      assert.equal(await origin(server.port, spoofed), "203.0.113.9 http://shop.portico.dev");
      const replaced = ["X-Forwarded-Host: www.example", "X-Forwarded-Proto: https"];
      assert.equal(
        await origin(server.port, replaced, "127.0.0.1:8000"),
        "127.0.0.1 https://www.example",
      );
    });

    test("Forwarded, with a client that left a quote open", async () => {
      const line =
        'Forwarded: for="6.6.6.6;host=", for="[2001:db8::9]:4711";proto=https;host="a.b:8443"';
      const seen = await ask(server.port, [line], "127.0.0.1:8000");
      assert.deepEqual(
        [seen["REMOTE_ADDR"], seen["REMOTE_PORT"], seen["wsgi.url_scheme"], seen["HTTP_HOST"]],
        ["2001:db8::9", "4711", "https", "a.b:8443"],
      );
      const kept = await ask(server.port, [line]);
      assert.deepEqual(
        [kept["HTTP_HOST"], kept["HTTP_FORWARDED"]],
        ["shop.portico.dev", undefined],
      );
      assert.equal(seen["HTTP_FORWARDED"], 'for="[2001:db8::9]:4711";proto=https;host="a.b:8443"');
    });

    test("contradictions: 400", async () => {
      const response = await rawRequest(
        server.port,
        request(["X-Forwarded-For: 203.0.113.9", "Forwarded: for=6.6.6.6"]),
      );
      assert.equal(response.status, 400);
      assert.match(response.text, /contradict/);
    });

    test("on one connection, each client of the proxy is itself", async () => {
      using client = await RawClient.connect(server.port);
      const seen: string[] = [];
      for (const address of ["203.0.113.1", "203.0.113.2", "203.0.113.2", "203.0.113.1"]) {
        const response = await client.exchange(request([`X-Forwarded-For: ${address}`]));
        seen.push(environ(response)["REMOTE_ADDR"] ?? "");
      }
      const plain = environ(await client.exchange(request([])));
      assert.deepEqual(
        [...seen, plain["REMOTE_ADDR"]],
        ["203.0.113.1", "203.0.113.2", "203.0.113.2", "203.0.113.1", "127.0.0.1"],
      );
    });
  });
}

test("a peer that is not trusted: none of it is believed or seen", async () => {
  await using server = await start(["--forwarded-allow-ips", "10.0.0.0/8"]);
  for (const lines of [SPOOFED, ["Forwarded: for=6.6.6.6;proto=https;host=evil.example"]]) {
    const seen = await ask(server.port, lines);
    assert.deepEqual(
      [seen["REMOTE_ADDR"], seen["wsgi.url_scheme"], seen["HTTP_HOST"], seen["SERVER_PORT"]],
      ["127.0.0.1", "http", "shop.portico.dev", String(server.port)],
    );
    assert.match(seen["REMOTE_PORT"] ?? "", /^\d+$/);
    const claims = Object.keys(seen).filter((name) => /FORWARDED|REAL_IP/.test(name));
    assert.deepEqual(claims, []);
  }
});

test("a proxy that is named is believed about the host as well", async () => {
  await using server = await start(["--forwarded-allow-ips", "127.0.0.1"]);
  const lines = ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: www.portico.dev"];
  assert.equal(await origin(server.port, lines), "203.0.113.9 http://www.portico.dev");
});

test("*, FORWARDED_ALLOW_IPS, and fields by name", async () => {
  await using server = await start(["--forwarded-fields", "x-forwarded-for,x-forwarded-host"], {
    FORWARDED_ALLOW_IPS: "*",
  });
  assert.equal(
    await origin(server.port, [...SPOOFED, "Forwarded: for=7.7.7.7"]),
    "6.6.6.6 http://evil.example",
  );
  const walked = ["X-Forwarded-For: 6.6.6.6, 203.0.113.9"];
  assert.equal(await origin(server.port, walked), "203.0.113.9 http://shop.portico.dev");
});

test("whoever reaches a Unix socket is trusted", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "portico-forwarded-"));
  const socket = path.join(folder, "socket");
  const args = ["--bind", `unix:${socket}`, "--chdir", APPLICATIONS, "recorder:app"];
  const server = await startPortico(args, { ready: null });
  try {
    await server.until("a line about the socket", () => server.stdout.includes(socket));
    const lines = ["X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Forwarded-Proto: https"];
    const seen = await ask(socket, lines);
    assert.deepEqual([seen["REMOTE_ADDR"], seen["SERVER_PORT"]], ["203.0.113.9", "443"]);
    assert.equal((await ask(socket, []))["REMOTE_ADDR"], "");
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});

test("--allowed-host: 421 for the host that counts, wherever it was named", async () => {
  await using server = await start(["--allowed-host", "shop.portico.dev,*.shop.portico.dev"]);
  const status = async (bytes: string): Promise<number> =>
    (await rawRequest(server.port, bytes)).status;
  assert.equal(await status(request([])), 200);
  assert.equal(await status(request([], "WWW.Shop.Portico.Dev.:81")), 200);
  assert.equal(await status(request([], "evil.example")), 421);
  assert.equal(await status(request(["X-Forwarded-Host: evil.example"], "web")), 421);
  assert.equal(await status(request(["X-Forwarded-Host: shop.portico.dev"], "web")), 200);
  assert.equal(
    await status("GET http://evil.example/ HTTP/1.1\r\nHost: shop.portico.dev\r\n\r\n"),
    421,
  );
  assert.equal(
    await status("GET http://shop.portico.dev/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    200,
  );
  assert.equal(await status("GET / HTTP/1.0\r\n\r\n"), 421);
});

test("a request that is answered 421 leaves the connection usable", async () => {
  await using server = await start(["--allowed-host", "shop.portico.dev"]);
  using client = await RawClient.connect(server.port);
  assert.equal((await client.exchange(request([], "evil.example"))).status, 421);
  assert.equal((await client.exchange(request([]))).status, 200);
});

test("--header-map: drop by default, refuse, dangerous", async () => {
  const lines = ["X_User: admin", "X-User: guest", "X_Forwarded_For: 6.6.6.6", "Content_Length: 7"];
  {
    await using server = await start([]);
    const seen = await ask(server.port, lines);
    assert.equal(seen["HTTP_X_USER"], "guest");
    assert.equal("HTTP_X_FORWARDED_FOR" in seen, false);
  }
  {
    await using server = await start(["--header-map", "refuse"]);
    assert.equal((await rawRequest(server.port, request(lines))).status, 400);
    assert.equal((await rawRequest(server.port, request(["X-User: a"]))).status, 200);
  }
  await using server = await start(["--header-map", "dangerous"]);
  const seen = await ask(server.port, lines);
  assert.equal(seen["HTTP_X_USER"], "guest, admin");
  const others = Object.keys(seen).filter((name) => /FORWARDED|CONTENT_LENGTH/.test(name));
  assert.deepEqual(others, []);
});

describe("an operator's mistake is one clear line", () => {
  const cases: readonly [args: readonly string[], says: RegExp][] = [
    [["--forwarded-allow-ips", "10.0.0.1/8"], /^portico: --forwarded-allow-ips: .*10\.0\.0\.0\/8/],
    [["--forwarded-allow-ips", "proxy"], /^portico: --forwarded-allow-ips: proxy is not/],
    [["--forwarded-fields", "x-real-ip"], /^portico: --forwarded-fields: .*not x-real-ip/],
    [["--allowed-host", "https://a.example"], /^portico: --allowed-host: https:/],
    [["--header-map", "keep"], /--header-map.*drop, refuse or dangerous/],
  ];
  for (const [args, says] of cases) {
    test(`portico ${args.join(" ")}`, async () => {
      const end = await runPortico([...args, "--chdir", APPLICATIONS, "recorder:app"]);
      assert.equal(end.status, 2, end.stderr);
      assert.match(end.stderr, says);
      assert.equal(end.stderr.trimEnd().split("\n").length, 1);
      assert.equal(end.stdout, "");
    });
  }
});
