/** The Dockerfile and the Compose file of `examples/deploy/`, seen by their checkers and by us. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import {
  at,
  Copies,
  type Checked,
  dockerInstructions,
  imageEnvironment,
  readYaml,
  resolve,
  ROOT,
  runChecker,
  textAt,
  type ValueMap,
} from "./deploy-files.ts";

const SECOND_MS = 1_000;

function lint(copies: Copies): Checked {
  return runChecker("hadolint", ["--no-color", copies.path("Dockerfile")]);
}

function checkCompose(copies: Copies): Checked {
  return runChecker("check-jsonschema", [
    "--builtin-schema",
    "vendor.compose-spec",
    copies.path("compose.yaml"),
  ]);
}

function only(name: string): string {
  const found = dockerInstructions().filter(([instruction]) => instruction === name);
  assert.equal(found.length, 1, `one ${name}`);
  return found[0]?.[1] ?? "";
}

test("hadolint has nothing to say of the Dockerfile", () => {
  using copies = new Copies("Dockerfile");
  assert.deepEqual(lint(copies), { status: 0, output: "" });
});

test("hadolint would find what is wrong", () => {
  const mistakes: readonly (readonly [from: string, to: string])[] = [
    ["FROM node:26-trixie-slim", "FROM node"],
    ['ENTRYPOINT ["portico"]', "ENTRYPOINT portico"],
    ["WORKDIR /srv/shop", "WORKDIR srv/shop"],
    ["STOPSIGNAL SIGTERM", "STOPSIGNALS SIGTERM"],
  ];
  for (const [from, to] of mistakes) {
    using copies = new Copies("Dockerfile");
    copies.edit("Dockerfile", from, to);
    const { status, output } = lint(copies);
    assert.notEqual(status, 0, to);
    assert.notEqual(output, "", to);
  }
});

test("the image runs Portico without a shell, as somebody who is not root", () => {
  assert.equal(only("STOPSIGNAL"), "SIGTERM");
  assert.match(only("USER"), /^[1-9]\d*:[1-9]\d*$/);
  const entry = JSON.parse(only("ENTRYPOINT")) as string[];
  assert.deepEqual(entry, ["portico"]);
  const { options, reference } = resolve(JSON.parse(only("CMD")) as string[], imageEnvironment());
  assert.equal(reference, "shop:app");
  assert.deepEqual(options.bind, [`0.0.0.0:${only("EXPOSE")}`]);
  const paths = dockerInstructions()
    .filter(([name]) => name === "COPY")
    .map(([, rest]) => rest);
  assert.ok(
    paths.some((rest) => rest.endsWith(` ${options.chdir}`)),
    "the site is there",
  );
});

test("the Compose file is one, by its schema", () => {
  using copies = new Copies("compose.yaml");
  const { status, output } = checkCompose(copies);
  assert.equal(status, 0, output);
  copies.edit("compose.yaml", "read_only:", "readonly:");
  assert.notEqual(checkCompose(copies).status, 0, "a misspelt key is found");
});

test("the Compose file asks where Portico answers, and waits for as long as a stop takes", () => {
  const service = at(readYaml("compose.yaml")[0], "services", "shop") as ValueMap;
  const env = { ...imageEnvironment(), ...(at(service, "environment") as Record<string, string>) };
  const { options } = resolve(["shop:app"], env);
  const grace = /^(\d+)s$/.exec(textAt(service, "stop_grace_period"))?.[1];
  assert.ok(Number(grace) * SECOND_MS > (options.drainDelayMs ?? 0) + options.gracefulTimeoutMs);
  const port = only("EXPOSE");
  assert.match(
    textAt(service, "healthcheck", "test", 3),
    new RegExp(`:${port}${options.livezPath}"`),
  );
  assert.deepEqual(at(service, "ports"), [`80:${port}`]);
});

test("the page explains each instruction and each field", () => {
  const page = readFileSync(join(ROOT, "docs/deploy.md"), "utf8");
  const cells = page
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split(" | ")[0] ?? "");
  const service = at(readYaml("compose.yaml")[0], "services", "shop") as ValueMap;
  const names = [...dockerInstructions().map(([name]) => name), ...Object.keys(service)];
  for (const name of new Set(names)) {
    assert.ok(
      cells.some((cell) => new RegExp(`\`${name}\\b`).test(cell)),
      `${name} is explained`,
    );
  }
});
