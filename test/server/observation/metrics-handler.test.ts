/** A scrape is answered at one path, in later turns, and costs little where it is repeated. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { PendingAnswer } from "../../../src/handlers/handler.ts";
import { MetricsHandler } from "../../../src/server/observation/metrics-handler.ts";
import { ENDPOINTS, PROVENANCE, requestHead } from "../../handlers/request-head.ts";
import { RecordingSink } from "../../workers/recording-sink.ts";
import { RecordingLog } from "../connection-fixture.ts";
import { PlayedHandler } from "../played-handler.ts";

class Scraped {
  readonly application = new PlayedHandler();
  made = 0;
  nowMs = 1_000;
  fails = false;
  readonly log = new RecordingLog();
  readonly #metrics = {
    contentType: "text/plain; version=0.0.4",
    text: async () => {
      this.made++;
      if (this.fails) throw new Error("no figures");
      return `made ${this.made}\n`;
    },
  };

  ask(target: string, method = "GET", next: PlayedHandler | null = this.application): Asked {
    const handler = new MetricsHandler("/metrics", this.#metrics, next, () => this.nowMs, this.log);
    return this.askOf(handler, target, method);
  }

  handler(): MetricsHandler {
    return new MetricsHandler("/metrics", this.#metrics, null, () => this.nowMs, this.log);
  }

  askOf(handler: MetricsHandler, target: string, method = "GET"): Asked {
    const sink = new RecordingSink();
    const pending = handler.openConnection(ENDPOINTS).handle(
      {
        id: "id",
        head: requestHead(`${method} ${target} HTTP/1.1\r\nHost: a\r\n\r\n`),
        provenance: PROVENANCE,
        content: null,
        contentLength: null,
        trace: null,
        trailers: [],
      },
      sink,
    );
    return { sink, pending };
  }
}

interface Asked {
  readonly sink: RecordingSink;
  readonly pending: PendingAnswer | null;
}

test("metrics at their path, whatever the query; the rest for whoever stands behind", async () => {
  const scraped = new Scraped();
  const { sink, pending } = scraped.ask("/metrics?x=1");
  assert.equal(sink.status, null, "not before a later turn");
  await turn();
  assert.equal(sink.status, 200);
  assert.equal(sink.content, "made 1\n");
  assert.equal(pending?.isHealthAnswer, true);
  for (const target of ["/metrics/", "/Metrics", "/"]) scraped.ask(target);
  assert.equal(scraped.application.answers.length, 3);
  assert.equal(scraped.made, 1);
});

test("nobody behind: 404; another method than GET and HEAD: 405", async () => {
  const scraped = new Scraped();
  const missing = scraped.ask("/", "GET", null);
  const refused = scraped.ask("/metrics", "POST");
  await turn();
  assert.deepEqual([missing.sink.status, refused.sink.status], [404, 405]);
  assert.equal(scraped.made, 0);
});

test("a text is given again for a tenth of a second", async () => {
  const scraped = new Scraped();
  const handler = scraped.handler();
  const contents: string[] = [];
  for (const afterMs of [0, 50, 49, 1]) {
    scraped.nowMs += afterMs;
    const { sink } = scraped.askOf(handler, "/metrics");
    await turn();
    contents.push(sink.content);
  }
  assert.deepEqual(contents, ["made 1\n", "made 1\n", "made 1\n", "made 2\n"]);
});

test("who has gone gets no answer, and figures that cannot be read are a failure", async () => {
  const scraped = new Scraped();
  const gone = scraped.ask("/metrics");
  gone.pending?.cancel();
  scraped.fails = true;
  const failed = scraped.ask("/metrics");
  await turn();
  assert.equal(gone.sink.status, null);
  assert.equal(failed.sink.failure, "application-error");
  const line = 'error the metrics could not be told {"cause":"no figures"}';
  assert.deepEqual(scraped.log.lines, [line]);
});

test("whoever scrapes in a loop what cannot be told does not fill the log", async () => {
  const scraped = new Scraped();
  scraped.fails = true;
  const handler = scraped.handler();
  for (let scrape = 0; scrape < 200; scrape++) {
    scraped.nowMs += 100;
    scraped.askOf(handler, "/metrics");
    await turn();
  }
  assert.equal(scraped.made, 200);
  assert.equal(scraped.log.lines.length, 60);
});
