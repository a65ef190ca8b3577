import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { OperatorError } from "../../../src/base/errors.ts";
import { parseLoadArguments } from "../../../src/cli/load/load-arguments.ts";
import { loadHelp } from "../../../src/cli/load/load-help.ts";

const URL = "http://127.0.0.1:8000/";

function refusal(...argv: string[]): string {
  try {
    parseLoadArguments(argv);
  } catch (error) {
    assert.ok(error instanceof OperatorError);
    assert.equal(error.exitStatus, 2);
    assert.doesNotMatch(error.message, /\n/);
    return error.message;
  }
  return assert.fail(`taken: ${argv.join(" ")}`);
}

describe("the command line of portico load", () => {
  it("needs a URL only", () => {
    const args = parseLoadArguments([URL]);
    assert.equal(args.url, URL);
    assert.deepEqual(
      { ...args, url: "" },
      {
        help: false,
        url: "",
        connections: 10,
        durationMs: 10_000,
        rate: null,
        requests: null,
        method: null,
        headers: [],
        body: null,
        forks: 1,
        timeoutMs: 10_000,
        noKeepAlive: false,
        unixSocket: null,
        json: false,
      },
    );
  });

  it("takes options before and behind it, in each form", () => {
    const args = parseLoadArguments(
      ["-c16", "--rate=500", URL, "-d", "500ms", "-H", "A: b", "--header=C: d", "--json"].concat([
        "--forks",
        "2",
        "-mPUT",
        "--body",
        "x",
        "--no-keep-alive",
        "--timeout",
        "2",
      ]),
    );
    assert.equal(args.connections, 16);
    assert.equal(args.rate, 500);
    assert.equal(args.durationMs, 500);
    assert.deepEqual(args.headers, ["A: b", "C: d"]);
    assert.equal(args.method, "PUT");
    assert.equal(args.timeoutMs, 2_000);
    assert.ok(args.json && args.noKeepAlive);
  });

  it("has no end but the number of requests, where one is given", () => {
    assert.equal(parseLoadArguments([URL, "-n", "5"]).durationMs, null);
    const both = parseLoadArguments([URL, "-n", "5", "-d", "2"]);
    assert.deepEqual([both.requests, both.durationMs], [5, 2_000]);
  });

  for (const [argv, expected] of [
    [[], /which URL\?/],
    [[URL, "http://b/"], /only one URL/],
    [["-c", "0", URL], /--connections: expected a whole number, 1 to /],
    [["-c", "-1", URL], /--connections: expected/],
    [["-d", "soon", URL], /--duration: expected a duration/],
    [["-c", "2", "-c", "3", URL], /--connections is given twice/],
    [["-r", URL], /--rate: expected/],
    [[URL, "--rate"], /--rate needs a value/],
    [[URL, "--conections", "3"], /did you mean --connections\?/],
    [[URL, "--concurrency", "3"], /here it is --connections/],
    [[URL, "--jsonx"], /unknown option/],
    [[URL, "--forks", "11"], /more than the 10 connections/],
    [[URL, "--forks", "3", "-n", "2"], /more than the 2 requests/],
  ] as const) {
    it(`refuses: ${argv.join(" ") || "nothing"}`, () => {
      assert.match(refusal(...argv), expected);
    });
  }
});

describe("its help", () => {
  it("fits, and needs no URL", () => {
    assert.ok(parseLoadArguments(["--help"]).help);
    for (const line of loadHelp().split("\n")) assert.ok(line.length <= 100, line);
  });

  it("is what docs/load.md shows", () => {
    const page = readFileSync(path.join(import.meta.dirname, "../../../docs/load.md"), "utf8");
    assert.ok(page.includes(`\`\`\`text\n${loadHelp()}\`\`\``), "docs/load.md is out of date");
  });
});
