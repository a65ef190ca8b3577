import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { OperatorError } from "../../../src/base/errors.ts";
import { parseLoadArguments } from "../../../src/cli/load/load-arguments.ts";
import { formatPlace, loadTarget, type LoadTarget } from "../../../src/cli/load/load-target.ts";

function target(...argv: string[]): LoadTarget {
  return loadTarget(parseLoadArguments(argv), "1.2.3");
}

function lines(...argv: string[]): string[] {
  return target(...argv).request.split("\r\n");
}

describe("the request of a load", () => {
  it("is a GET with the fields that it needs", () => {
    assert.deepEqual(lines("http://a.example:8000/b/c?d=e#f"), [
      "GET /b/c?d=e HTTP/1.1",
      "Host: a.example:8000",
      "User-Agent: portico-load/1.2.3",
      "Accept: */*",
      "",
      "",
    ]);
  });

  it("leaves the port of http out of Host, and an empty path is /", () => {
    assert.deepEqual(lines("http://a.example:80").slice(0, 2), [
      "GET / HTTP/1.1",
      "Host: a.example",
    ]);
  });

  it("is a POST where there is a body", () => {
    const request = target("http://a/", "--body", "gr\u00fc\u00df").request;
    assert.match(request, /^POST \/ HTTP\/1\.1\r\n/);
    assert.match(request, /\r\nContent-Length: 6\r\n\r\n/);
    assert.equal(Buffer.from(request, "latin1").subarray(-6).toString(), "gr\u00fc\u00df");
    assert.match(target("http://a/", "--body", "x", "-m", "PUT").request, /^PUT /);
  });

  it("takes its body from a file, each byte as it is", () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "portico-body-"));
    try {
      const file = path.join(folder, "body");
      writeFileSync(file, Buffer.from([0, 255, 10]));
      const { request } = target("http://a/", "--body", `@${file}`);
      assert.deepEqual([...Buffer.from(request, "latin1").subarray(-3)], [0, 255, 10]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("lets fields be added, and its own be replaced", () => {
    const all = lines(
      "http://a/",
      "-H",
      "host: b",
      "-H",
      "X-A:1",
      "-H",
      "X-A: 2",
      "--no-keep-alive",
    );
    assert.deepEqual(all, [
      "GET / HTTP/1.1",
      "host: b",
      "User-Agent: portico-load/1.2.3",
      "Accept: */*",
      "X-A: 1",
      "X-A: 2",
      "Connection: close",
      "",
      "",
    ]);
  });

  it("goes where the URL says, or to a Unix socket", () => {
    const placeOf = (...argv: string[]): string => formatPlace(target(...argv).place);
    assert.equal(placeOf("http://127.0.0.1/"), "127.0.0.1:80");
    assert.equal(placeOf("http://[::1]:81/"), "[::1]:81");
    assert.equal(placeOf("unix:/run/a.sock"), "unix:/run/a.sock");
    assert.equal(placeOf("http://a/b", "--unix-socket", "/run/a.sock"), "unix:/run/a.sock");
    assert.deepEqual(lines("http://a/b", "--unix-socket", "/run/a.sock").slice(0, 2), [
      "GET /b HTTP/1.1",
      "Host: a",
    ]);
    assert.equal(lines("unix:/run/a.sock")[1], "Host: localhost");
  });

  for (const [argv, expected] of [
    [["https://a/"], /^https is not spoken here/],
    [["127.0.0.1:8000"], /is no URL that can be loaded/],
    [["ftp://a/"], /is no URL that can be loaded/],
    [["http://"], /is no URL that can be loaded/],
    [["http://a:0/"], /port 0/],
    [["http://u:p@a/"], /Authorization/],
    [["unix:"], /the path is missing/],
    [["unix:/a", "--unix-socket", "/b"], /is a Unix socket already/],
    [[`unix:/${"a".repeat(107)}`], /at most 107 bytes/],
    [["http://a/", "-m", "GET /"], /is no method/],
    [["http://a/", "-m", "CONNECT"], /CONNECT/],
    [["http://a/", "-H", "no colon"], /expected 'NAME: VALUE'/],
    [["http://a/", "-H", "a b: c"], /expected 'NAME: VALUE'/],
    [["http://a/", "-H", "A: b\r\nC: d"], /a control character in the value of A/],
    [["http://a/", "-H", "Content-Length: 5"], /Content-Length is set by the load itself/],
    [["http://a/", "-H", "Transfer-Encoding: x"], /is set by the load itself/],
    [["http://a/", "--body", "@/nowhere/at/all"], /cannot be read \(ENOENT\)/],
  ] as const) {
    it(`refuses: ${JSON.stringify(argv.join(" ").slice(0, 60))}`, () => {
      assert.throws(
        () => target(...argv),
        (error) => {
          assert.ok(error instanceof OperatorError);
          assert.equal(error.exitStatus, 2);
          assert.match(error.message, expected);
          assert.doesNotMatch(error.message, /[\r\n]/);
          return true;
        },
      );
    });
  }
});
