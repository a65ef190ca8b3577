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
  const fields = { Origin: APP, "Access-Control-Request-Method": "PUT" };
  const preflight = rules.cors?.admit(headOf("OPTIONS /", fields))?.fields ?? "";
  assert.match(preflight, /Access-Control-Allow-Methods: PUT, patch\r\n/);
  assert.match(preflight, /Access-Control-Allow-Headers: X-A, x-b\r\n/);
  assert.match(preflight, /Access-Control-Max-Age: 120\r\n/);
});

test("each command of docs/edge-policy.md is one that starts", () => {
  const page = readFileSync(path.join(import.meta.dirname, "../../docs/edge-policy.md"), "utf8");
  const blocks = page.replaceAll("\\\n", "").matchAll(/^ {4}portico (.*) \w+:app$/gm);
  const commands = [...blocks].map((match) => match[1] ?? "");
  assert.equal(commands.length, 4);
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
