/** The manifests of `examples/deploy/`, seen by Kubernetes' own schemas and by Portico. */
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
  keysOf,
  readYaml,
  resolve,
  ROOT,
  runChecker,
  textAt,
  type Value,
  type ValueMap,
} from "./deploy-files.ts";

const MANIFESTS = ["kubernetes.yaml", "kubernetes-queue-time.yaml"];
/** The oldest that providers still run, and the newest that the checker knows. */
const VERSIONS = ["1.30.0", "1.37.0"];
const SECOND_MS = 1_000;
/** Keys that every object has, or whose parent is explained. */
const PLAIN_KEYS = new Set([
  ..."apiVersion kind metadata name spec template type rollingUpdate strategy".split(" "),
  ..."app.kubernetes.io/name containers args image env value ports containerPort port".split(" "),
  ..."httpGet path requests limits cpu drop maxSkew topologyKey whenUnsatisfiable".split(" "),
  ..."labelSelector mountPath scaleTargetRef metrics resource target metric pods".split(" "),
  ..."behavior scaleUp scaleDown value securityContext".split(" "),
]);

function validate(copies: Copies, version: string): Checked {
  const files = MANIFESTS.map((name) => copies.path(name));
  return runChecker("kubernetes-validate", ["--strict", "--quiet", "-k", version, ...files]);
}

/** The object of a kind. */
function manifest(kind: string): ValueMap {
  const found = readYaml("kubernetes.yaml").filter((one) => one["kind"] === kind);
  assert.equal(found.length, 1, `one ${kind}`);
  return found[0] ?? {};
}

const podSpec = (): Value => at(manifest("Deployment"), "spec", "template", "spec");
const container = (): Value => at(podSpec(), "containers", 0);

for (const version of VERSIONS) {
  test(`the manifests are what Kubernetes ${version} takes`, () => {
    using copies = new Copies(...MANIFESTS);
    const { status, output } = validate(copies, version);
    assert.equal(status, 0, output);
  });
}

test("the schemas would find a field and a value that are wrong", () => {
  const mistakes: readonly (readonly [from: string, to: string])[] = [
    ["terminationGracePeriodSeconds: 55", "terminationGracePeriod: 55"],
    ["maxReplicas: 10", "maxReplicas: ten"],
    ["readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true"],
  ];
  for (const [from, to] of mistakes) {
    using copies = new Copies(...MANIFESTS);
    copies.edit("kubernetes.yaml", from, to);
    for (const version of VERSIONS) assert.notEqual(validate(copies, version).status, 0, to);
  }
});

test("Portico understands the container, and the times fit each other", () => {
  const env = { ...imageEnvironment() };
  for (const variable of at(container(), "env") as ValueMap[]) {
    env[textAt(variable, "name")] = textAt(variable, "value");
  }
  const { options, reference } = resolve(at(container(), "args") as string[], env);
  assert.equal(reference, "shop:app");

  const graceMs = Number(at(podSpec(), "terminationGracePeriodSeconds")) * SECOND_MS;
  const stopMs = (options.drainDelayMs ?? 0) + options.gracefulTimeoutMs;
  assert.ok(graceMs > stopMs + 10 * SECOND_MS, "what is left is for ending the processes");
  const startup = at(container(), "startupProbe");
  const startMs =
    Number(at(startup, "periodSeconds")) * Number(at(startup, "failureThreshold")) * SECOND_MS;
  assert.ok(startMs > options.startTimeoutMs);

  const [, bound] = /^0\.0\.0\.0:(\d+)$/.exec(options.bind[0] ?? "") ?? [];
  assert.equal(at(container(), "ports", 0, "containerPort"), Number(bound));
  const asked = (probe: string): Value => at(container(), probe, "httpGet", "path");
  assert.equal(asked("livenessProbe"), options.livezPath);
  assert.equal(asked("readinessProbe"), options.readyzPath);
  assert.equal(asked("startupProbe"), options.readyzPath);
});

test("nothing waits in a preStop hook, and nobody is root", () => {
  assert.ok(!keysOf(manifest("Deployment")).has("preStop"));
  const user = dockerInstructions().find(([name]) => name === "USER")?.[1];
  const rights = at(podSpec(), "securityContext");
  assert.equal(user, `${textAt(rights, "runAsUser")}:${textAt(rights, "runAsGroup")}`);
  assert.equal(at(container(), "securityContext", "readOnlyRootFilesystem"), true);
});

test("all objects are about the same pods", () => {
  const labels = at(manifest("Deployment"), "spec", "template", "metadata", "labels");
  assert.deepEqual(at(manifest("Deployment"), "spec", "selector", "matchLabels"), labels);
  assert.deepEqual(at(manifest("Service"), "spec", "selector"), labels);
  assert.deepEqual(at(manifest("PodDisruptionBudget"), "spec", "selector", "matchLabels"), labels);
  const name = at(manifest("Deployment"), "metadata", "name");
  const scalers = MANIFESTS.flatMap((file) => readYaml(file)).filter(
    ({ kind }) => kind === "HorizontalPodAutoscaler",
  );
  assert.equal(scalers.length, 2);
  for (const scaler of scalers) assert.equal(at(scaler, "spec", "scaleTargetRef", "name"), name);
});

test("the page explains each field", () => {
  const page = readFileSync(join(ROOT, "docs/deploy.md"), "utf8");
  const kubernetes = page.slice(page.indexOf("## Kubernetes"));
  const cells = kubernetes
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split(" | ")[0] ?? "");
  const keys = new Set(
    MANIFESTS.flatMap((file) => readYaml(file)).flatMap((one) => [...keysOf(one)]),
  );
  for (const key of keys) {
    const isExplained = cells.some((cell) => new RegExp(`\`${key}\\b`).test(cell));
    assert.ok(isExplained || PLAIN_KEYS.has(key), `${key} is explained`);
  }
});
