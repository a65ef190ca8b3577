/** The picture of the results: well-formed, complete, and readable without its colours. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { canBeCharted, chart, CHARTED_WORKS } from "../../bench/chart.ts";
import { summarize } from "../../bench/summary.ts";
import { measurement } from "./measurements.ts";

const SERVERS = ["portico", "bjoern", 'gunicorn <sync> & "co"'];

const works = CHARTED_WORKS.map((name, row) => ({
  name,
  about: "",
  module: name,
  metrics: ["cpuUsPerRequest"] as const,
  load: { kind: "start" } as const,
  settings: {},
  summaries: summarize(
    SERVERS.map((server, column) =>
      measurement(server, { cpuUsPerRequest: 10 ** (column + 1) + row + 0.5 }),
    ),
  ),
  verdicts: [],
  measurements: [],
  failures: [],
}));

const results = {
  time: "2026-11-21T12:02:13.063Z",
  machine: {
    cpu: "2 x Some <CPU>",
    memory: "24 GiB",
    kernel: "Linux 6.18",
    load: "0.1",
    node: "v26.10.0",
    commit: "0123456789ab",
  },
  works,
};

/** The root's attributes and all texts and widths, by a parser of XML that is not ours. */
function parse(svg: string): {
  root: Record<string, string>;
  texts: string[];
  widths: number[];
} {
  const program = `
import json, sys
import xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
name = lambda element: element.tag.rpartition("}")[2]
bars = [e for e in root.iter() if name(e) == "rect" and "bar" in e.get("class", "")]
print(json.dumps({
  "root": root.attrib,
  "texts": [e.text for e in root.iter() if name(e) == "text"],
  "widths": [float(e.get("width")) for e in bars],
}))`;
  const { status, stdout, stderr } = spawnSync("python3", ["-c", program], {
    input: svg,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as ReturnType<typeof parse>;
}

test("the picture holds every server, figure and work, and where they come from", () => {
  const { root, texts, widths } = parse(chart(results));
  assert.equal(root["role"], "img");
  assert.match(root["viewBox"] ?? "", /^0 0 \d+ \d+$/);
  for (const { name, summaries } of works) {
    const title = name === "hello" ? "Bare WSGI" : `${name[0]?.toUpperCase()}${name.slice(1)}`;
    assert.ok(texts.includes(title), title);
    for (const { entrant, best } of summaries) {
      const figure = `${best.cpuUsPerRequest?.toFixed(1)} µs`;
      assert.ok(texts.includes(entrant) && texts.includes(figure), `${entrant}: ${figure}`);
      assert.match(root["aria-label"] ?? "", new RegExp(figure));
    }
  }
  assert.equal(widths.length, works.length * SERVERS.length);
  assert.ok(texts.includes("Commit 0123456789ab, 2026-11-21, Node.js v26.10.0"));
  assert.ok(texts.includes("2 x Some <CPU>, Linux 6.18"));
});

test("bars are as long as their figures, in each group", () => {
  const { widths } = parse(chart(results));
  const [first = 0, second = 0, third = 0] = widths;
  assert.ok(Math.abs(second / third - 100.5 / 1000.5) < 0.01, String(widths));
  assert.ok(Math.abs(first / third - 10.5 / 1000.5) < 0.01, String(widths));
});

test("the picture asks for nothing from outside, and has a dark theme", () => {
  const svg = chart(results).replace('xmlns="http://www.w3.org/2000/svg"', "");
  assert.doesNotMatch(svg, /https?:|url\(|<script|href|<image|@import/);
  assert.match(svg, /prefers-color-scheme: dark/);
});

test("what was not measured is not in it, and keeps the whole from being drawn", () => {
  const fewer = works.slice(0, 2);
  assert.ok(canBeCharted(works));
  assert.ok(!canBeCharted(fewer));
  const { texts } = parse(chart({ ...results, works: fewer }));
  assert.ok(texts.includes("Flask") && !texts.includes("Django"));
});
