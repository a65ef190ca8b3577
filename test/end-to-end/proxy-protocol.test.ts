/**
 * Real servers behind a proxy that speaks the PROXY protocol, on both transports, down to the
 * environ that Python sees.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { proxyBlock, proxyHeader, proxyLine, TLS_RECORD } from "../net/proxy-header-encoder.ts";
import { requireProgram } from "../system-programs.ts";
import { runClient } from "./clients/client-program.ts";
import { get, startExercise, TRANSPORTS } from "./exercise.ts";
import { RawClient, type RawResponse, rawRequest } from "./raw-client.ts";
import { runPortico } from "./server-process.ts";

const CLIENT = { family: "inet", host: "192.0.2.7", port: 56_324 } as const;
const SITE = { family: "inet", host: "198.51.100.1", port: 8443 } as const;
const CLIENT_6 = { family: "inet6", host: "2001:db8::7", port: 56_324 } as const;
const SITE_6 = { family: "inet6", host: "2001:db8:1::1", port: 8443 } as const;
const REQUEST = Buffer.from(get("/environ", "X-Forwarded-For: 203.0.113.9\r\n"));
const NOTHING = Buffer.alloc(0);

function environOf(response: RawResponse): Record<string, string> {
  assert.equal(response.status, 200);
  return JSON.parse(response.text).strings;
}

/** What comes back for a header and a request behind it, written at once. */
async function environBehind(port: number, header: Buffer): Promise<Record<string, string>> {
  return environOf(await rawRequest(port, Buffer.concat([header, REQUEST])));
}

const curl = requireProgram("curl");

test("a limit for each address that nobody could come under is refused at start", async () => {
  const everybody = ["--forwarded-allow-ips", "*", "--connections-per-address-max", "1"];
  const refused = await runPortico([...everybody, "exercise:app"]);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /^portico: --connections-per-address-max: [^\n]*\n$/);
});

for (const transport of TRANSPORTS) {
  describe(`PROXY protocol, by ${transport}`, () => {
    test("v1: client, site and port are the header's, in whatever pieces it comes", async () => {
      await using exercise = await startExercise(transport, ["--proxy-protocol", "v1"]);
      const environ = await environBehind(exercise.port, proxyLine(CLIENT, SITE));
      assert.equal(environ["REMOTE_ADDR"], "192.0.2.7");
      assert.equal(environ["REMOTE_PORT"], "56324");
      assert.equal(environ["SERVER_NAME"], "198.51.100.1");
      assert.equal(environ["SERVER_PORT"], "8443");
      assert.equal(environ["wsgi.url_scheme"], "http");
      assert.equal(environ["HTTP_X_FORWARDED_FOR"], undefined, "the client is no proxy of ours");
      using client = await RawClient.connect(exercise.port);
      for (const byte of proxyLine(CLIENT_6, SITE_6)) client.write(Uint8Array.of(byte));
      assert.equal(environOf(await client.exchange(REQUEST))["REMOTE_ADDR"], "2001:db8::7");
      const again = environOf(await client.exchange(REQUEST));
      assert.equal(again["REMOTE_ADDR"], "2001:db8::7", "it holds for the connection");
      using other = await RawClient.connect(exercise.port);
      other.write(REQUEST);
      assert.equal((await other.readToEnd()).length, 0, "without the header there is no answer");
    });

    test("v2: also TLS, health checks, and clients without a name", async () => {
      await using exercise = await startExercise(transport, ["--proxy-protocol", "v2"]);
      const { port } = exercise;
      const plain = await environBehind(port, proxyHeader(CLIENT_6, SITE_6));
      assert.equal(plain["REMOTE_ADDR"], "2001:db8::7");
      assert.equal(plain["SERVER_NAME"], "2001:db8:1::1");
      const overTls = await environBehind(port, proxyHeader(CLIENT, SITE, [TLS_RECORD]));
      assert.equal(overTls["wsgi.url_scheme"], "https");
      const check = await environBehind(port, proxyBlock(0, 0, NOTHING));
      assert.equal(check["SERVER_PORT"], String(port));
      assert.equal(check["REMOTE_ADDR"], "203.0.113.9", "the proxy's own word about a client");
      const unknown = await environBehind(port, proxyBlock(1, 0, NOTHING));
      assert.equal(unknown["REMOTE_ADDR"], "127.0.0.1");
      const proxied = { family: "inet", host: "127.0.0.2", port: 1 } as const;
      const chained = await environBehind(port, proxyHeader(proxied, SITE));
      assert.equal(chained["REMOTE_ADDR"], "203.0.113.9", "a proxy of ours behind another");
    });

    test("auto: either or none; from an untrusted peer a header is 400", async () => {
      const folder = mkdtempSync(path.join(os.tmpdir(), "portico-proxy-"));
      const file = path.join(folder, "socket");
      const args = ["--proxy-protocol", "auto", "--forwarded-allow-ips", "127.0.0.2"];
      const binds = ["--bind", "127.0.0.1:0", "--bind", `unix:${file}`];
      {
        await using exercise = await startExercise(transport, [...args, ...binds]);
        for (const header of [proxyLine(CLIENT, SITE), proxyHeader(CLIENT, SITE)]) {
          using stranger = await RawClient.connect(exercise.port);
          const refused = await stranger.exchange(Buffer.concat([header, REQUEST]));
          assert.equal(refused.status, 400);
          assert.equal((await stranger.readToEnd()).length, 0);
          const trusted = await rawRequest(file, Buffer.concat([header, REQUEST]));
          assert.equal(environOf(trusted)["REMOTE_ADDR"], "192.0.2.7");
        }
        const direct = environOf(await rawRequest(exercise.port, REQUEST));
        assert.equal(direct["REMOTE_ADDR"], "127.0.0.1");
        const none = environOf(await rawRequest(file, REQUEST));
        assert.equal(none["REMOTE_ADDR"], "203.0.113.9");
      }
      rmSync(folder, { recursive: true });
    });

    test("a header that does not arrive in time ends the connection", async () => {
      const args = ["--proxy-protocol", "v2", "--header-timeout", "1s"];
      await using exercise = await startExercise(transport, args);
      using slow = await RawClient.connect(exercise.port);
      slow.write(proxyHeader(CLIENT, SITE).subarray(0, 20));
      assert.equal((await slow.readToEnd()).length, 0);
      await exercise.server.until("a line in the log", () =>
        exercise.server.stderr.includes("PROXY_HEADER_LATE"),
      );
    });

    test("one address too often: 503, others are served, and all is well afterwards", async () => {
      const args = ["--proxy-protocol", "v1", "--connections-per-address-max", "2"];
      await using exercise = await startExercise(transport, args);
      const request = Buffer.concat([proxyLine(CLIENT, SITE), REQUEST]);
      const clients = [
        await RawClient.connect(exercise.port),
        await RawClient.connect(exercise.port),
        await RawClient.connect(exercise.port),
      ];
      const statuses: number[] = [];
      for (const client of clients) statuses.push((await client.exchange(request)).status);
      assert.deepEqual(statuses, [200, 200, 503]);
      await environBehind(exercise.port, proxyLine(CLIENT_6, SITE_6));
      for (const client of clients) client.close();
      await exercise.server.until("room for the address again", async () => {
        const response = await rawRequest(exercise.port, request);
        return response.status === 200;
      });
    });

    test("without a PROXY header it is the peer's address that counts", async () => {
      const limit = ["--connections-per-address-max", "1"];
      await using exercise = await startExercise(transport, limit);
      using first = await RawClient.connect(exercise.port);
      assert.equal((await first.exchange(get("/hello"))).status, 200);
      using second = await RawClient.connect(exercise.port);
      assert.equal((await second.readResponse()).status, 503);
      const named = ["--forwarded-allow-ips", "127.0.0.1"];
      await using trusting = await startExercise(transport, [...limit, ...named]);
      using third = await RawClient.connect(trusting.port);
      assert.equal((await third.exchange(get("/hello"))).status, 200);
      assert.equal((await rawRequest(trusting.port, get("/hello"))).status, 200);
    });

    if (curl !== null) {
      test("curl --haproxy-protocol", async () => {
        await using exercise = await startExercise(transport, ["--proxy-protocol", "v1"]);
        const url = `${exercise.server.origin}/environ`;
        const answer = await runClient(curl, ["-sS", "--haproxy-protocol", url, url]);
        assert.equal(answer.status, 0, answer.stderr);
        assert.equal(answer.text.match(/"REMOTE_ADDR": "127\.0\.0\.1"/g)?.length, 2);
        const plain = await runClient(curl, ["-sS", url]);
        assert.notEqual(plain.status, 0);
      });
    }
  });
}
