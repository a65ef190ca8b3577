/**
 * Metrics of a server that runs, read by a parser that is not ours: `prometheus_client`, the Python
 * client of Prometheus, in an interpreter of its own.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { rawRequest, type RawResponse, type Target } from "./raw-client.ts";
import { PROJECT_FOLDER, type ServerProcess } from "./server-process.ts";

const PYTHON = path.join(PROJECT_FOLDER, ".environments/frameworks/bin/python3");
const READER = path.join(import.meta.dirname, "read_metrics.py");
const ADDRESS = /metrics are told address=(?:127\.0\.0\.1:(\d+)|unix:(\S+)) path=\/metrics/g;

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export class ReadMetrics {
  readonly families: readonly Family[];

  constructor(text: string) {
    const { status, stdout, stderr } = spawnSync(PYTHON, [READER], {
      input: text,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    this.families = JSON.parse(stdout) as Family[];
  }

  /** Every series, as its name and its labels. */
  get series(): string[] {
    return this.families.flatMap(({ samples }) => samples.map(seriesName)).toSorted();
  }

  /** The one sample of that name whose labels have these values. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const found = this.families
      .flatMap(({ samples }) => samples)
      .filter((sample) => sample.name === name && hasLabels(sample, labels));
    assert.equal(found.length, 1, `${name} ${JSON.stringify(labels)}`);
    return found[0]?.value ?? Number.NaN;
  }

  /** Those samples of that name that are not 0, by the value of one label. */
  counted(name: string, label: string): Record<string, number> {
    const samples = this.families.flatMap((family) => family.samples);
    const found = samples.filter((sample) => sample.name === name && sample.value !== 0);
    return Object.fromEntries(found.map(({ labels, value }) => [labels[label] ?? "", value]));
  }
}

/** Where a server that was given `--metrics 127.0.0.1:0`, or a Unix socket, says that they are. */
export function metricsTarget(server: ServerProcess): Target {
  const [, port, file] = [...server.stderr.matchAll(ADDRESS)].at(-1) ?? [];
  assert.ok(port !== undefined || file !== undefined, server.output);
  return file ?? Number(port);
}

export function scrape(target: Target, place = "/metrics", method = "GET"): Promise<RawResponse> {
  return rawRequest(target, `${method} ${place} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
}

export async function readMetrics(target: Target, place = "/metrics"): Promise<ReadMetrics> {
  const answer = await scrape(target, place);
  assert.equal(answer.status, 200, answer.text);
  return new ReadMetrics(answer.text);
}

/** Scrapes until it holds: an exchange is over a little after its client has its answer. */
export async function untilMetrics(
  server: ServerProcess,
  target: Target,
  what: string,
  holds: (metrics: ReadMetrics) => boolean,
  place = "/metrics",
): Promise<ReadMetrics> {
  let last: ReadMetrics | null = null;
  await server.until(what, async () => {
    last = await readMetrics(target, place);
    return holds(last);
  });
  assert.ok(last !== null);
  return last;
}

function seriesName({ name, labels }: Sample): string {
  const pairs = Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `${name}{${pairs.map(([label, value]) => `${label}=${value}`).join(",")}}`;
}

function hasLabels(sample: Sample, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([label, value]) => sample.labels[label] === value);
}
