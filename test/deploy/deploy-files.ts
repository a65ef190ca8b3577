/**
 * The files of `examples/deploy/` as the tests read them, and the programs that know such files.
 * Asserts nothing about what is in them.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ResolvedOptions, resolveOptions } from "../../src/options/resolve.ts";

export const ROOT = join(import.meta.dirname, "../..");
const FILES = join(ROOT, "examples/deploy");
const PROGRAMS = join(ROOT, ".environments/deploy/bin");

export function readDeployFile(name: string): string {
  return readFileSync(join(FILES, name), "utf8");
}

/** A folder with copies of the files, which a test may spoil. */
export class Copies implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "portico-deploy-"));

  constructor(...names: readonly string[]) {
    for (const name of names) copyFileSync(join(FILES, name), join(this.folder, name));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Replaces what must be there once. */
  edit(name: string, from: string, to: string): void {
    const text = readFileSync(this.path(name), "utf8");
    assert.equal(text.split(from).length, 2, `${name} has ${from} once`);
    writeFileSync(this.path(name), text.replace(from, to));
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

export interface Checked {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a checker that `scripts/python-environment` has installed. */
export function runChecker(program: string, args: readonly string[]): Checked {
  const path = join(PROGRAMS, program);
  assert.ok(existsSync(path), `${path} is missing: npm test makes it`);
  return run(path, args);
}

export function run(program: string, args: readonly string[]): Checked {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { status, output: `${stdout}${stderr}` };
}

/** What JSON and YAML have in common. */
export type Value = string | number | boolean | null | readonly Value[] | ValueMap;
export interface ValueMap {
  readonly [key: string]: Value;
}

/** The documents of a YAML file. */
export function readYaml(name: string): ValueMap[] {
  const script =
    "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
  const { status, output } = runChecker("python3", ["-c", script, join(FILES, name)]);
  assert.equal(status, 0, output);
  return JSON.parse(output) as ValueMap[];
}

/** What a path of keys, or of places in lists, leads to. */
export function at(value: Value | undefined, ...path: readonly (string | number)[]): Value {
  let found = value;
  for (const key of path) found = (found as Readonly<Record<string | number, Value>>)?.[key];
  assert.ok(found !== undefined, `there is ${path.join(".")}`);
  return found;
}

/** A text or a number, as text. */
export function textAt(value: Value | undefined, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  assert.ok(typeof found === "string" || typeof found === "number", `${path.join(".")} is a text`);
  return `${found}`;
}

/** Every key in a value, however deep. */
export function keysOf(value: Value): Set<string> {
  if (typeof value !== "object" || value === null) return new Set();
  const deeper = Object.values(value).flatMap((one: Value) => [...keysOf(one)]);
  return new Set(Array.isArray(value) ? deeper : [...Object.keys(value), ...deeper]);
}

/** The settings of a unit, in order; one name may come several times. */
export function unitSettings(name: string): [name: string, value: string][] {
  return readDeployFile(name)
    .split("\n")
    .filter((line) => /^\w+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
}

export function unitSetting(name: string, setting: string): string {
  const [found] = unitSettings(name).filter(([key]) => key === setting);
  assert.ok(found !== undefined, `${name} has ${setting}=`);
  return found[1];
}

/** The instructions of a Dockerfile, in order, each with its continued lines as one. */
export function dockerInstructions(): [name: string, rest: string][] {
  return readDeployFile("Dockerfile")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]);
}

/** The variables that the image sets. */
export function imageEnvironment(): Record<string, string> {
  const pairs = dockerInstructions()
    .filter(([name]) => name === "ENV")
    .flatMap(([, rest]) => rest.split(/\s+/))
    .map((pair) => pair.split("="));
  return Object.fromEntries(pairs) as Record<string, string>;
}

/** @throws {OperatorError} with the option's name, where Portico does not understand it */
export function resolve(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): ResolvedOptions {
  return resolveOptions({ argv, env, readFile: () => "{}" });
}
