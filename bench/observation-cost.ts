/**
 * Measures what it costs to look on: CPU time of the gateway for a small request, without a kernel
 * (`gateway-path.ts`), with nobody who listens, with a line in the access log, and with traces.
 *
 *     node bench/observation-cost.ts
 *
 * Each row is the best of several rounds, which take turns. Traces are sent, by the library's own
 * exporter, to a process that reads and forgets them; what node:http takes for that is in the
 * figure.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { NULL_LOG } from "../src/base/log.ts";
import { ProvenanceReader } from "../src/handlers/provenance.ts";
import { IpNetworks } from "../src/http/ip-network.ts";
import type { LogOutput } from "../src/os/log-output.ts";
import { realClock } from "../src/os/real-clock.ts";
import { AccessLog } from "../src/server/access-log/access-log.ts";
import { ExchangeRecord } from "../src/server/access-log/exchange-record.ts";
import { GatheredLines } from "../src/server/access-log/gathered-lines.ts";
import { lineFormat } from "../src/server/access-log/line-format.ts";
import { ExchangeClock } from "../src/server/exchange-clock.ts";
import type { ExchangeListener } from "../src/server/exchange-listener.ts";
import {
  loadOpenTelemetry,
  openSampling,
  openSpanQueue,
  spanOrigin,
} from "../src/server/traces/open-telemetry.ts";
import { USUAL_GATHERING } from "../src/server/traces/span-queue.ts";
import { RequestTracer } from "../src/server/traces/request-tracer.ts";
import { TraceListener } from "../src/server/traces/trace-listener.ts";
import { GatewayPath } from "./gateway-path.ts";

const ROUNDS = 12;
const TURNS = 256;
const CONNECTIONS = 16;
/** So often the loop rests, so that what was gathered leaves. CPU time does not see it. */
const TURNS_BEFORE_PAUSE = 8;
const PAUSE_MS = 4;
const SINK = `
  require("node:http").createServer((request, response) => {
    request.resume().on("end", () => response.end("{}"));
  }).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
`;

const library = await loadOpenTelemetry();
const sink = spawn(process.execPath, ["-e", SINK], { stdio: ["ignore", "pipe", "inherit"] });
const [port] = (await once(sink.stdout, "data")) as [Buffer];
const endpoint = `http://127.0.0.1:${String(port).trim()}/v1/traces`;
let lost = 0;
const log = {
  ...NULL_LOG,
  warn: (_message: string, fields: { spans?: unknown } = {}) => (lost += Number(fields.spans)),
};

function pathWith(listener: ExchangeListener | null, tracer: RequestTracer | null): GatewayPath {
  const agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
  const fields = `Host: shop.example\r\nUser-Agent: ${agent}\r\nAccept: */*\r\n`;
  const settings = {
    connections: CONNECTIONS,
    request: `GET /articles/7?page=2 HTTP/1.1\r\n${fields}\r\n`,
    answerHead: "200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n",
    answerContent: "Hello, world!",
  };
  if (listener === null) return new GatewayPath(settings);
  const record = new ExchangeRecord("drop");
  const clock = new ExchangeClock(realClock);
  return new GatewayPath({
    ...settings,
    exchangeLogging: { listener, record, clock, fromStart: true, tracer },
  });
}

function traced(ratio: number): GatewayPath {
  const origin = spanOrigin(library, "bench", () => null);
  const queue = openSpanQueue(library, endpoint, USUAL_GATHERING, log, realClock);
  const sampling = openSampling(library, { ratio, isParentBased: true });
  const provenance = new ProvenanceReader(new IpNetworks([], false));
  const tracer = new RequestTracer(sampling, "trusted", provenance);
  return pathWith(new TraceListener(origin, queue), tracer);
}

function logged(name: string): GatewayPath {
  const format = lineFormat(name);
  if (format.kind === "mistake") throw new Error(format.what);
  const output: LogOutput = {
    isTerminal: false,
    isFile: true,
    write: (bytes, done) => setImmediate(done, bytes.length),
    writeNow: (bytes) => bytes.length,
  };
  const lines = new GatheredLines(output, NULL_LOG, realClock);
  return pathWith(new AccessLog(format, lines, null, NULL_LOG), null);
}

const PATHS: ReadonlyMap<string, GatewayPath> = new Map([
  ["nobody listens", pathWith(null, null)],
  ["somebody listens", pathWith({ readsResponseFields: false, add: () => {} }, null)],
  ["access log, timed", logged("timed")],
  ["access log, json", logged("json")],
  ["traces, none recorded", traced(0)],
  ["traces, one of ten recorded", traced(0.1)],
  ["traces, all recorded", traced(1)],
]);

/** CPU µs for one request. */
async function measure(path: GatewayPath): Promise<number> {
  const before = process.cpuUsage();
  for (let turn = 1; turn <= TURNS; turn++) {
    path.turn();
    if (turn % TURNS_BEFORE_PAUSE === 0) await pause(PAUSE_MS);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (TURNS * CONNECTIONS);
}

const best = new Map<string, number>();
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, path] of PATHS) {
    best.set(name, Math.min(best.get(name) ?? Infinity, await measure(path)));
  }
}
for (const [name, us] of best) console.log(`${name.padEnd(28)} ${us.toFixed(2)} µs`);
if (lost > 0) console.log(`${lost} spans were lost: the last rows are too good`);
sink.kill();
process.exit();
