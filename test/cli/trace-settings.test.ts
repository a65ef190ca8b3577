import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { OperatorError } from "../../src/base/errors.ts";
import { type Log, type LogFields, NULL_LOG } from "../../src/base/log.ts";
import { openTraces } from "../../src/cli/trace-settings.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { loadOpenTelemetry, type OpenTelemetry } from "../../src/server/traces/open-telemetry.ts";

function open(
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
  load: () => Promise<OpenTelemetry> = loadOpenTelemetry,
  log: Log = NULL_LOG,
): ReturnType<typeof openTraces> {
  const { options } = resolveOptions({ argv: [...argv, "a:b"], env: {}, readFile: () => "" });
  return openTraces(options, env, "1.0", log, load);
}

const NOT_CALLED = (): Promise<never> => assert.fail("nothing is loaded");

test("nothing is loaded where no traces are wanted", async () => {
  assert.equal(await open([], {}, NOT_CALLED), null);
  assert.equal(await open(["--trace", "off"], {}, NOT_CALLED), null);
  assert.equal(await open(["--trace", "on"], { OTEL_SDK_DISABLED: "true" }, NOT_CALLED), null);
});

test("packages that are not there: one line, which names those of package.json", async () => {
  const missing = Object.assign(new Error("Cannot find package 'x'"), {
    code: "ERR_MODULE_NOT_FOUND",
  });
  const refusal = open(["--trace", "on"], {}, () => Promise.reject(missing));
  const error = await refusal.then(
    () => assert.fail("it was opened"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof OperatorError);
  assert.equal(error.exitStatus, 2);
  const { peerDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
    peerDependencies: Record<string, string>;
  };
  const packages = Object.entries(peerDependencies).map(([name, range]) => `${name}@${range}`);
  assert.equal(
    error.message,
    `--trace needs packages that are not installed: npm install ${packages.join(" ")}`,
  );
});

test("packages that cannot be used say why, in one line", async () => {
  const broken = new Error("needs another Node.js\nand more");
  await assert.rejects(
    open(["--trace", "on"], {}, () => Promise.reject(broken)),
    /^OperatorError: --trace: the packages of OpenTelemetry cannot be used here: needs another/,
  );
});

test("the sampler: the option, else the standard's variables, else all", async () => {
  const trace = "f".repeat(32);
  const parent = { traceId: trace, spanId: "1".repeat(16), isSampled: true };
  const cases: readonly (readonly [string[], NodeJS.ProcessEnv, root: boolean, child: boolean])[] =
    [
      [[], {}, true, true],
      [["--trace-sample", "0"], {}, false, true],
      [["--trace-sample", "0"], { OTEL_TRACES_SAMPLER: "always_on" }, false, true],
      [[], { OTEL_TRACES_SAMPLER: "always_off" }, false, false],
      [[], { OTEL_TRACES_SAMPLER: "parentbased_always_off" }, false, true],
      [[], { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.0" }, false, false],
      [[], { OTEL_TRACES_SAMPLER: "parentbased_traceidratio" }, true, true],
    ];
  for (const [args, env, root, child] of cases) {
    const traces = await open(["--trace", "on", ...args], env);
    assert.ok(traces !== null);
    const decided = [traces.sampling(trace, null), traces.sampling(trace, parent)];
    assert.deepEqual(decided, [root, child], JSON.stringify([args, env]));
  }
});

test("variables that cannot be meant", async () => {
  const argument = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "5%" };
  await assert.rejects(open(["--trace", "on"], argument), /OTEL_TRACES_SAMPLER_ARG=5%: expected/);
  for (const name of ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]) {
    const refusal = open(["--trace", "on"], { [name]: "collector:4318" });
    await assert.rejects(refusal, new RegExp(`${name}=collector:4318: expected the http`));
  }
  const sampler = { OTEL_TRACES_SAMPLER: "sometimes" };
  await assert.rejects(open(["--trace", "on"], sampler), /OTEL_TRACES_SAMPLER=sometimes: expected/);
});

test("the log says where spans go, whoever has said so, and no secret of it", async () => {
  const common = "OTEL_EXPORTER_OTLP_ENDPOINT";
  const cases: readonly (readonly [trace: string, NodeJS.ProcessEnv, collector: string])[] = [
    ["http://me:secret@a:1/?key=secret", {}, "a:1/v1/traces"],
    ["http://a:1/own", {}, "a:1/own"],
    ["on", {}, "localhost:4318/v1/traces"],
    ["on", { [common]: "http://b:2" }, "b:2/v1/traces"],
    ["on", { [common]: "https://b/base/" }, "b/base/v1/traces"],
    ["on", { [common]: "x", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c:3/" }, "c:3/"],
  ];
  for (const [trace, env, collector] of cases) {
    const said: unknown[] = [];
    const log = { ...NULL_LOG, info: (_: string, fields?: LogFields) => said.push(fields) };
    await open(["--trace", trace], env, loadOpenTelemetry, log);
    assert.deepEqual(said, [{ collector, recorded: 1, parent: "trusted" }]);
  }
});
