import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";

import { EXIT_STATUS, OperatorError } from "../../src/base/errors.ts";
import { NULL_LOG } from "../../src/base/log.ts";
import { type EdgeRules, readEdgeRules } from "../../src/cli/edge-policy-settings.ts";
import { RefusalReport } from "../../src/handlers/refusal-report.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { headOf } from "../handlers/edge-rules.ts";

const APP = "https://app.example.org";

function read(...argv: readonly string[]): EdgeRules {
  const { options } = resolveOptions({ argv: [...argv, "shop:app"], env: {}, readFile: () => "" });
  return readEdgeRules(options, new RefusalReport(NULL_LOG, { nowMs: () => 0 }));
}

/** What a preflight from `APP` is answered with; "" where it is refused. */
function preflightFields(rules: EdgeRules, target: string, method = "GET"): string {
  const fields = { Origin: APP, "Access-Control-Request-Method": method };
  return rules.cors?.admit(headOf(`OPTIONS ${target}`, fields))?.fields ?? "";
}

/** The fields that a request from `origin` gets by CORS; null where nothing is done. */
function corsFields(rules: EdgeRules, target: string, origin = APP): string | null {
  return rules.cors?.admit(headOf(`GET ${target}`, { Origin: origin }))?.fields ?? null;
}

function fetchStatus(rules: EdgeRules, target: string, mode = "no-cors", dest = ""): number | null {
  const fields = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": mode,
    "Sec-Fetch-Dest": dest,
  };
  return rules.fetch?.admit(headOf(`GET ${target}`, fields))?.answer?.status ?? null;
}

test("without options there are no rules", () => {
  assert.deepEqual(read(), { cors: null, fetch: null });
  assert.deepEqual(read("--fetch-policy", "off", "--fetch-policy", "/a=off"), read());
  assert.deepEqual(read("--cors-methods", "PUT", "--cors-credentials"), read());
});

test("modes for paths, repeated and parted by commas", () => {
  const rules = read("--fetch-policy", "enforce,/a=off", "--fetch-policy", "/a%2Cb/=OFF");
  assert.equal(fetchStatus(rules, "/"), 403);
  assert.equal(fetchStatus(rules, "/a"), null);
  assert.equal(fetchStatus(rules, "/a,b/c"), null);
  const onlyBelow = read("--fetch-policy", "/a=b/=enforce");
  assert.equal(fetchStatus(onlyBelow, "/a=b/c"), 403);
  assert.equal(fetchStatus(onlyBelow, "/"), null);
  assert.equal(fetchStatus(read("--fetch-policy", "/=enforce"), "/x"), 403);
});

test("frames and the same site", () => {
  const rules = read("--fetch-policy", "enforce", "--fetch-frames", "/widget/");
  assert.equal(fetchStatus(rules, "/widget/x", "navigate", "iframe"), null);
  assert.equal(fetchStatus(rules, "/x", "navigate", "iframe"), 403);
  for (const frames of [[], ["--fetch-frames", "/"]]) {
    const everywhere = read("--fetch-policy", "enforce", ...frames);
    assert.equal(fetchStatus(everywhere, "/x", "navigate", "iframe"), null);
    assert.equal(fetchStatus(everywhere, "/x", "navigate", "object"), 403);
  }
  const nowhere = read("--fetch-policy", "enforce", "--fetch-frames", "none");
  assert.equal(fetchStatus(nowhere, "/x", "navigate", "iframe"), 403);
  const sibling = headOf("GET /", { "Sec-Fetch-Site": "same-site" });
  const strict = read("--fetch-policy", "enforce", "--fetch-same-site", "refuse");
  assert.equal(strict.fetch?.admit(sibling)?.answer?.status, 403);
  assert.equal(rules.fetch?.admit(sibling)?.answer, null);
});

test("the same site, by path", () => {
  const rules = read(
    "--fetch-policy=enforce",
    "--fetch-same-site=/account/=REFUSE",
    "--fetch-same-site=/account/help=allow",
  );
  const status = (target: string): number | undefined =>
    rules.fetch?.admit(headOf(`POST ${target}`, { "Sec-Fetch-Site": "same-site" }))?.answer?.status;
  assert.equal(status("/x"), undefined);
  assert.equal(status("/account/help/x"), undefined);
  assert.equal(status("/account/helpful"), 403);
  assert.equal(status("/x/..%2faccount/"), 403);
});

test("origins for paths: the longest decides, off leaves the application alone", () => {
  const rules = read(
    `--cors-origin=${APP}`,
    "--cors-origin=/api=https://*.partner.example",
    "--cors-origin=/api=https://partner.example,/api/internal=off",
    "--cors-origin=/open/=*",
  );
  assert.match(corsFields(rules, "/") ?? "", /Allow-Origin: https:\/\/app\.example\.org\r\n$/);
  assert.equal(corsFields(rules, "/api/x"), "");
  assert.match(corsFields(rules, "/api/x", "https://partner.example") ?? "", /Allow-Origin/);
  assert.match(corsFields(rules, "/api/x", "https://a.partner.example") ?? "", /Allow-Origin/);
  assert.equal(corsFields(rules, "/api/internal"), null);
  assert.match(corsFields(rules, "/open/x") ?? "", /Allow-Origin: \*\r\n/);
});

test("credentials, for every path or for some", () => {
  const credentialed = /Allow-Credentials: true/;
  const all = read("--cors-origin", APP, "--cors-credentials");
  assert.match(corsFields(all, "/x") ?? "", credentialed);
  const some = read("--cors-origin", APP, "--cors-origin=/open=*", "--cors-credentials=/api,/b/");
  assert.match(corsFields(some, "/api/x") ?? "", credentialed);
  assert.match(corsFields(some, "/b/x") ?? "", credentialed);
  assert.doesNotMatch(corsFields(some, "/x") ?? "", credentialed);
  assert.doesNotMatch(corsFields(some, "/open") ?? "", credentialed);
});

test("paths with one policy are one, whichever of them is meant", () => {
  const rules = read(`--cors-origin=/api=${APP}`, "--cors-credentials=/api/a,/api/b");
  assert.match(corsFields(rules, "/api/a/..%2fb/x") ?? "", /Allow-Credentials: true/);
  assert.equal(corsFields(rules, "/api/a/..%2fx"), "");
});

test("grants", () => {
  const rules = read(
    `--cors-origin=${APP}`,
    "--cors-methods=put,patch",
    "--cors-headers=X-A,x-b",
    "--cors-expose-headers=etag",
    "--cors-max-age=2m",
  );
  assert.match(corsFields(rules, "/") ?? "", /Access-Control-Expose-Headers: etag\r\n/);
  const preflight = preflightFields(rules, "/", "PUT");
  assert.match(preflight, /Access-Control-Allow-Methods: PUT, patch\r\n/);
  assert.match(preflight, /Access-Control-Allow-Headers: X-A, x-b\r\n/);
  assert.match(preflight, /Access-Control-Max-Age: 120\r\n/);
});

describe("grants by path", () => {
  test("methods: the longest path decides, by segments; it replaces and does not add", () => {
    const rules = read(
      `--cors-origin=${APP}`,
      "--cors-methods=GET,/api=delete,/api=PATCH",
      "--cors-methods=/api/v2=*",
    );
    assert.match(preflightFields(rules, "/api/x", "DELETE"), /Methods: DELETE, PATCH\r\n/);
    assert.match(preflightFields(rules, "/api/v2", "PURGE"), /Methods: PURGE\r\n/);
    assert.match(preflightFields(rules, "/api/v20", "PATCH"), /Methods: DELETE, PATCH\r\n/);
    assert.match(preflightFields(rules, "/x"), /Methods: GET\r\n/);
    for (const target of ["/x", "/apiary", "/x/..%2fapi", "/api%2f..%2fx", "/API"]) {
      assert.equal(preflightFields(rules, target, "DELETE"), "", target);
    }
  });

  test("each option has its own paths, and its default where nothing is given", () => {
    const rules = read(
      `--cors-origin=${APP}`,
      "--cors-methods=/api=PUT",
      "--cors-headers=/api/a=X-A",
      "--cors-expose-headers=/api/b=etag",
      "--cors-max-age=/api/a=5m,/api/b=off",
    );
    const lines = (target: string): string[] =>
      preflightFields(rules, target)
        .trimEnd()
        .split("\r\n")
        .slice(1)
        .map((line) => line.replace("Access-Control-", ""));
    const fields = "Allow-Headers: authorization, content-type";
    const methods = "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE";
    assert.deepEqual(lines("/"), [methods, fields, "Max-Age: 600"]);
    assert.deepEqual(lines("/api"), ["Allow-Methods: PUT", fields, "Max-Age: 600"]);
    const atA = ["Allow-Methods: PUT", "Allow-Headers: X-A", "Max-Age: 300"];
    assert.deepEqual(lines("/api/a/x"), atA);
    assert.deepEqual(lines("/api/b/x"), ["Allow-Methods: PUT", fields]);
    assert.match(corsFields(rules, "/api/b") ?? "", /Expose-Headers: etag\r\n/);
    assert.doesNotMatch(corsFields(rules, "/api/a") ?? "", /Expose/);
  });

  test("off without a path holds everywhere else; so does a value given for /", () => {
    const off = read(`--cors-origin=${APP}`, "--cors-max-age=off,/a=1m");
    assert.doesNotMatch(preflightFields(off, "/"), /Max-Age/);
    assert.match(preflightFields(off, "/a"), /Max-Age: 60\r\n/);
    const root = read(`--cors-origin=${APP}`, "--cors-methods=/a=PUT,/=GET");
    assert.match(preflightFields(root, "/x"), /Methods: GET\r\n/);
  });

  test("paths that are granted the same are one, whichever of them is meant", () => {
    const rules = read(`--cors-origin=${APP}`, "--cors-methods=GET,/a=PUT,/b=PUT");
    assert.match(preflightFields(rules, "/a/..%2fb/x", "PUT"), /Methods: PUT\r\n/);
  });

  test("a number in the file is a time, as it is without a path", () => {
    const json = JSON.stringify({ "cors-origin": APP, "cors-max-age": [120, "/a=60"] });
    const argv = ["--config", "portico.json", "shop:app"];
    const { options } = resolveOptions({ argv, env: {}, readFile: () => json });
    const rules = readEdgeRules(options, new RefusalReport(NULL_LOG, { nowMs: () => 0 }));
    assert.match(preflightFields(rules, "/"), /Max-Age: 120\r\n/);
    assert.match(preflightFields(rules, "/a"), /Max-Age: 60\r\n/);
  });

  test("nothing is granted by a path where no origin is allowed", () => {
    const rules = read(`--cors-origin=/api=${APP}`, "--cors-methods=/x=PUT");
    assert.equal(corsFields(rules, "/x"), null);
  });

  test("* as exposed fields is for the paths without credentials", () => {
    const argv = [`--cors-origin=${APP}`, "--cors-expose-headers=*,/a=etag"];
    assert.doesNotThrow(() => read(...argv, "--cors-credentials=/a"));
    assert.throws(() => read(...argv, "--cors-credentials=/b"), /^.*--cors-expose-headers: \* sta/);
  });
});

test("each command of docs/edge-policy.md is one that starts", () => {
  const page = readFileSync(path.join(import.meta.dirname, "../../docs/edge-policy.md"), "utf8");
  const blocks = page.replaceAll("\\\n", "").matchAll(/^ {4}portico (.*) \w+:app$/gm);
  const commands = [...blocks].map((match) => match[1] ?? "");
  assert.equal(commands.length, 5);
  for (const command of commands) {
    const rules = read(...command.replaceAll("'", "").split(/ +/));
    assert.ok(rules.fetch !== null || rules.cors !== null, command);
  }
});

test("--root-path: a path counts with it and without it", () => {
  const rules = read("--fetch-policy", "/admin=enforce", "--root-path", "/shop");
  assert.equal(fetchStatus(rules, "/shop/admin/x"), 403);
  assert.equal(fetchStatus(rules, "/admin/x"), 403);
  assert.equal(fetchStatus(rules, "/shop/x"), null);
});

describe("what cannot be meant is one clear line", () => {
  const origin = ["--cors-origin", APP];
  const cases: readonly [argv: readonly string[], says: RegExp][] = [
    [["--fetch-policy", "strict"], /^--fetch-policy: strict is not off, report or enforce/],
    [["--fetch-policy", "/a=on"], /^--fetch-policy: \/a=on is not off/],
    [["--fetch-policy", "/a"], /^--fetch-policy: \/a says nothing/],
    [["--fetch-policy", "/a//b=off"], /two ways/],
    [["--fetch-policy", "a=off"], /is not off/],
    [["--fetch-policy", "off,enforce"], /^--fetch-policy: enforce contradicts off/],
    [["--fetch-policy", "/=off,enforce"], /contradicts/],
    [
      ["--fetch-policy", "enforce", "--fetch-frames", "widget"],
      /^--fetch-frames: widget does not begin/,
    ],
    [["--cors-origin", "app.example.org"], /^--cors-origin: app\.example\.org is not an origin/],
    [["--cors-origin", "null"], /^--cors-origin: null is the origin of every sandboxed frame/],
    [["--cors-origin", "/a=https://b/c"], /has a path/],
    [["--cors-origin", `*,${APP}`], /stands beside another/],
    [["--cors-origin", `${APP},off`], /stands beside another/],
    [["--cors-origin", "*", "--cors-credentials"], /^--cors-credentials: not for paths where/],
    [["--cors-origin", "/a=*", "--cors-credentials=/a/b"], /^--cors-credentials: not for paths/],
    [[...origin, "--cors-credentials=api"], /^--cors-credentials: api does not begin/],
    [[...origin, "--cors-methods", "P UT"], /^--cors-methods: P UT is not a method/],
    [[...origin, "--cors-methods", "/a"], /^--cors-methods: \/a says nothing for the path/],
    [[...origin, "--cors-methods", "/a="], /^--cors-methods: \/a= is not a method/],
    [[...origin, "--cors-methods", "a=PUT"], /^--cors-methods: a=PUT is not a method/],
    [[...origin, "--cors-methods", "/a/../b=PUT"], /^--cors-methods: .* can be read in two ways/],
    [
      [...origin, "--cors-methods", "/a=PUT,DELETE"],
      /^--cors-methods: DELETE stands behind \/a=PUT: put its path before it too, or give it first/,
    ],
    [["--cors-origin", "/a=https://b,https://c"], /^--cors-origin: https:\/\/c stands behind \/a=/],
    [[...origin, "--cors-headers", "/a=x:y"], /^--cors-headers: \/a=x:y is not a field's name/],
    [
      [...origin, "--cors-max-age", "/a=2d"],
      /^--cors-max-age: \/a=2d is not a duration such as .* 1s to 24h, or off, nor one for a path/,
    ],
    [["--cors-max-age", "25h"], /^--cors-max-age: 25h is not a duration/],
    [["--cors-max-age", "/a=60,/a=2m"], /^--cors-max-age: \/a=2m contradicts 60, which is given/],
    [["--fetch-same-site", "/a=no"], /^--fetch-same-site: \/a=no is not allow or refuse, nor/],
    [[...origin, "--cors-headers", "x:y"], /^--cors-headers: x:y is not a field's name/],
    [
      [...origin, "--cors-credentials", "--cors-expose-headers", "*"],
      /^--cors-expose-headers: \* stands for all fields only without/,
    ],
  ];
  for (const [argv, says] of cases) {
    test(argv.join(" "), () => {
      assert.throws(
        () => read(...argv),
        (error) => {
          assert.ok(error instanceof OperatorError && error.exitStatus === EXIT_STATUS.usage);
          assert.match(error.message, says);
          assert.ok(!error.message.includes("\n") && error.details === null);
          return true;
        },
      );
    });
  }
});
