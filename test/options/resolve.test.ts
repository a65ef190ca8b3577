import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { OperatorError } from "../../src/base/errors.ts";
import { OPTION_KEYS } from "../../src/options/registry.ts";
import { defaultOptions, resolveOptions } from "../../src/options/resolve.ts";
import type { ResolvedOptions } from "../../src/options/resolve.ts";

interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The content of `portico.json`, which the command line must name. */
  readonly file?: string;
}

function resolve({ argv = [], env = {}, file }: Given): ResolvedOptions {
  const readFile = (path: string): string => {
    if (file === undefined || path !== "portico.json") throw new Error(`ENOENT: ${path}`);
    return file;
  };
  return resolveOptions({ argv, env, readFile });
}

const CONFIG = ["--config", "portico.json"];

test("without anything, every option has its default and no reference is there", () => {
  const { options, sources, reference } = resolve({});
  assert.deepEqual(options, defaultOptions());
  assert.equal(reference, null);
  assert.deepEqual(options.bind, ["127.0.0.1:8000"]);
  for (const key of OPTION_KEYS) assert.equal(sources[key].kind, "default");
});

test("flags override the environment, that the file, and that the default", () => {
  const argv = [...CONFIG, "--workers", "4"];
  const env = { PORTICO_WORKERS: "3", PORTICO_BACKLOG: "30" };
  const file = '{"workers": 2, "backlog": 20, "queue-max": 10}';
  const { options, sources } = resolve({ argv, env, file });
  assert.deepEqual([options.workers, options.backlog, options.queueLengthMax], ["4", 30, 10]);
  assert.deepEqual(sources.workers, { kind: "flag", name: "--workers" });
  assert.deepEqual(sources.backlog, { kind: "environment", name: "PORTICO_BACKLOG" });
  assert.deepEqual(sources.queueLengthMax, { kind: "file", name: "portico.json" });
  assert.deepEqual(sources.timeoutMs, { kind: "default", name: "" });
});

test("a flag is understood in all its forms", () => {
  for (const argv of [["--workers", "4"], ["--workers=4"], ["-w", "4"], ["-w4"], ["-w=4"]]) {
    assert.equal(resolve({ argv }).options.workers, "4", argv.join(" "));
  }
  assert.equal(resolve({ argv: ["-q"] }).options.quiet, true);
  assert.equal(resolve({ argv: ["--quiet=false"] }).options.quiet, false);
  assert.equal(resolve({ argv: ["-h"] }).options.help, true);
  assert.equal(resolve({ argv: ["-V"] }).options.version, true);
  assert.equal(resolve({ argv: ["--root-path="], env: {} }).options.rootPath, "");
});

test("a flag that means something alone takes a value only behind =", () => {
  const alone = resolve({ argv: ["--cors-credentials", "app:app"] });
  assert.deepEqual(alone.options.corsCredentials, ["/"]);
  assert.equal(alone.reference, "app:app");
  const both = resolve({ argv: ["--cors-credentials=/api/", "--cors-credentials"] });
  assert.deepEqual(both.options.corsCredentials, ["/api/", "/"]);
});

test("the reference may stand anywhere, and behind -- it may begin with a hyphen", () => {
  assert.equal(resolve({ argv: ["app:app", "-w", "2"] }).reference, "app:app");
  assert.equal(resolve({ argv: ["-w", "2", "app:app", "-q"] }).reference, "app:app");
  assert.equal(resolve({ argv: ["-q", "app:app"] }).reference, "app:app");
  assert.equal(resolve({ argv: ["--", "--odd"] }).reference, "--odd");
  assert.equal(resolve({ argv: ['a:f("x", key=1)'] }).reference, 'a:f("x", key=1)');
});

test("repeatable options collect, from each place", () => {
  const argv = ["-b", ":1", "--bind=unix:/s", "-e", "A=1", "-e", "B=2", "-e", "A=3"];
  const given = resolve({ argv }).options;
  assert.deepEqual(given.bind, [":1", "unix:/s"]);
  assert.deepEqual(given.env, { A: "3", B: "2" });
  const env = {
    PORTICO_BIND: ":1, :2",
    PORTICO_PYTHONPATH: "lib:/x y",
    PORTICO_ENV: "A=1\nB=two words",
  };
  const fromEnvironment = resolve({ env }).options;
  assert.deepEqual(fromEnvironment.bind, [":1", ":2"]);
  assert.deepEqual(fromEnvironment.pythonpath, ["lib", "/x y"]);
  assert.deepEqual(fromEnvironment.env, { A: "1", B: "two words" });
  const file = '{"bind": [":3", ":4"], "pythonpath": "lib", "env": {"A": "1", "__proto__": "x"}}';
  const fromFile = resolve({ argv: CONFIG, file }).options;
  assert.deepEqual(fromFile.bind, [":3", ":4"]);
  assert.deepEqual(fromFile.pythonpath, ["lib"]);
  assert.deepEqual(Object.entries(fromFile.env), [
    ["A", "1"],
    ["__proto__", "x"],
  ]);
});

test("the names that hosting platforms set are honoured, behind our own", () => {
  assert.deepEqual(resolve({ env: { PORT: "9000" } }).options.bind, ["0.0.0.0:9000"]);
  assert.deepEqual(resolve({ env: { PORT: "1", PORTICO_BIND: ":2" } }).options.bind, [":2"]);
  assert.deepEqual(resolve({ argv: ["-b", ":3"], env: { PORT: "1" } }).options.bind, [":3"]);
  assert.equal(resolve({ env: { WEB_CONCURRENCY: "3" } }).options.workers, "3");
  const both = { WEB_CONCURRENCY: "3", PORTICO_WORKERS: "5" };
  assert.equal(resolve({ env: both }).options.workers, "5");
});

test("an empty variable is one that is not set", () => {
  const env = { PORTICO_WORKERS: "", PORT: "", PORTICO_CONFIG: "" };
  assert.deepEqual(resolve({ env }).options, defaultOptions());
});

test("variables of others that carry our prefix are left alone", () => {
  const env = {
    PORTICO_PORT: "tcp://10.0.0.1:80",
    PORTICO_PORT_80_TCP_ADDR: "10.0.0.1",
    PORTICO_SERVICE_HOST: "10.0.0.1",
    PORTICO_SERVICE_PORT_HTTP: "80",
    PORTICO_WEB_SERVICE_HOST: "10.0.0.2",
    PORTICO_VERSION: "1.2",
    PORTICO_TEST_MARK: "an application's own",
  };
  assert.deepEqual(resolve({ env }).options, defaultOptions());
});

test("the file can be named in the environment, and may begin with a byte order mark", () => {
  const env = { PORTICO_CONFIG: "portico.json" };
  assert.equal(resolve({ env, file: '\ufeff{"quiet": true}' }).options.quiet, true);
});

test("help is given whatever is wrong elsewhere", () => {
  const env = { PORTICO_WOKERS: "1", PORTICO_CONFIG: "absent" };
  assert.equal(resolve({ argv: ["--help"], env }).options.help, true);
});

test("what comes out is frozen", () => {
  const { options } = resolve({ argv: ["-b", ":1", "-e", "A=1"] });
  assert.ok(Object.isFrozen(options));
  assert.ok(Object.isFrozen(options.bind));
  assert.ok(Object.isFrozen(options.env));
});

const REFUSALS: readonly (readonly [what: string, given: Given, message: RegExp])[] = [
  ["an unknown flag", { argv: ["--wokers", "2"] }, /^unknown option "--wokers" \(did you mean --w/],
  [
    "another server's name",
    { argv: ["--port=80"] },
    /^unknown option "--port" \(here it is --bind/,
  ],
  ["an unknown short flag", { argv: ["-z"] }, /^unknown option "-z"/],
  ["short flags run together", { argv: ["-qh"] }, /^unknown option "-qh"/],
  ["a value out of range", { argv: ["-w", "0"] }, /^--workers: expected .* 1 to 512.*; got "0"$/],
  ["a negative value", { argv: ["-w", "-1"] }, /^--workers: expected .* 1 to 512.*; got "-1"$/],
  ["a missing value at the end", { argv: ["--bind"] }, /^--bind needs a value: HOST:PORT/],
  ["a missing value before a flag", { argv: ["-b", "-q"] }, /^--bind needs a value/],
  [
    "a flag given twice",
    { argv: ["-w", "2", "--workers=3"] },
    /^--workers is given twice: "2" and/,
  ],
  ["two references", { argv: ["a:b", "c:d"] }, /^only one application .* "a:b" and "c:d"$/],
  ["a control character", { argv: ["-w", "\x1b[2J"] }, /; got "\\x1b\[2J"$/],
  [
    "a secret, which is not repeated",
    { argv: ["--dashboard-token", "oops"] },
    /; got 4 characters$/,
  ],
  [
    "a mistyped variable",
    { env: { PORTICO_WOKERS: "1" } },
    /"PORTICO_WOKERS".*mean PORTICO_WORKERS/,
  ],
  ["a wrong variable", { env: { WEB_CONCURRENCY: "x" } }, /^WEB_CONCURRENCY: expected/],
  ["an absent file", { argv: ["--config", "absent"] }, /^cannot read the .* "absent": "ENOENT/],
  ["a file that is not JSON", { argv: CONFIG, file: "workers = 2" }, /^"portico.json" is not JSON/],
  ["a file that is a list", { argv: CONFIG, file: "[]" }, /must hold one JSON object/],
  [
    "an unknown key",
    { argv: CONFIG, file: '{"worker": 1}' },
    /"worker" \(did you mean workers\?\)/,
  ],
  [
    "a wrong key's value",
    { argv: CONFIG, file: '{"workers": {}}' },
    /: workers: expected .* "{}"$/,
  ],
  ["a file in a file", { argv: CONFIG, file: '{"config": "x"}' }, /unknown key "config"/],
  ["a number as environment", { argv: CONFIG, file: '{"env": {"A": 1}}' }, /NAME=VALUE; got/],
  [
    "limits that cannot both be meant",
    { argv: ["--limit-request-line=8k", "--limit-request-head=4k"] },
    /^--limit-request-line \(8192\) is above --limit-request-head \(4096\)/,
  ],
];

for (const [what, given, message] of REFUSALS) {
  test(`refused in one line, status 2: ${what}`, () => {
    assert.throws(
      () => resolve(given),
      (error) => {
        assert.ok(error instanceof OperatorError);
        assert.equal(error.exitStatus, 2);
        assert.match(error.message, message);
        assert.match(error.message, /^[\x20-\x7e]+$/);
        return true;
      },
    );
  });
}

test("a small head limit does not collide with the default of the line's", () => {
  assert.equal(resolve({ argv: ["--limit-request-head=4k"] }).options.headLimitBytes, 4096);
});

test("whatever the arguments, either they resolve or one typed line comes out", () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("--workers", "-w", "--bind", "--", "-q", "--quiet=", "--env", "4", "="),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (argv) => {
      try {
        resolve({ argv });
      } catch (error) {
        assert.ok(error instanceof OperatorError, String(error));
        assert.match(error.message, /^[\x20-\x7e]+$/);
      }
    }),
  );
});
