/**
 * Clients that hold on, go away, or come in thousands: others are served throughout, and afterwards
 * descriptors, memory and temporary files are where they were.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { get, TRANSPORTS } from "../end-to-end/exercise.ts";
import { rawRequest } from "../end-to-end/raw-client.ts";
import { FaultSite } from "./fault-site.ts";
import { connectionsPossible, firstLine, Flood } from "./flood.ts";
import { assertReturns, heldResources, MEBIBYTE } from "./held-resources.ts";
import { assertServed, type LoadReport, quickGet } from "./load-client.ts";

/** The others' longest wait; on a machine with many tests at once that is not little. */
const OTHERS_BOUND_MS = 7_000;
const IDLE_CONNECTIONS = 10_000;
const CLIENTS = 60;
/**
 * Clients that a worker works for, so that others have their turn behind them: more than there are
 * workers, and no more than are worked off in a moment.
 */
const WORKED_FOR = 10;
/** More than the sockets' buffers hold and less than would take long. */
const LARGE_BYTES = 12 * MEBIBYTE;

/** A view for each phase in which a client can go away; what it does is noted. */
const CODE = `
import victim

site = victim.make_application("1")

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/large"):
        start_response("200 OK", [("Content-Length", "${LARGE_BYTES}")])
        return [b"x" * 65536] * ${LARGE_BYTES / 65_536}
    if path.startswith("/upload"):
        length = len(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"%d" % length]
    return site(environ, start_response)
`;

function assertOthers(report: LoadReport, site: FaultSite): void {
  assertServed(report, { slowestMs: OTHERS_BOUND_MS, output: site.server.output });
}

/** An upload whose content does not come to its end. */
function unfinished(lengthBytes: number, sentBytes: number): string {
  const head = `POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: ${lengthBytes}\r\n\r\n`;
  return head + "x".repeat(sentBytes);
}

/** Serves a steady client while `fault` goes on, and looks at what is left of it. */
async function endure(site: FaultSite, fault: (flood: Flood) => Promise<void>): Promise<void> {
  const others = site.load({ connections: 2, pauseMs: 20, kinds: [quickGet] });
  await others.more(20);
  const before = heldResources(site);
  {
    using flood = new Flood(site.port);
    await fault(flood);
    await others.more(20);
  }
  await assertReturns(site, before);
  await others.more(10);
  assertOthers(await others.stop(), site);
}

for (const transport of TRANSPORTS) {
  const start = (...more: string[]): Promise<FaultSite> =>
    FaultSite.start({
      args: ["--transport", transport, "--workers", "2", ...more],
      code: CODE,
    });

  describe(`a flood of clients, by ${transport}`, () => {
    test("requests that are sent by half are answered 408 in their time", async () => {
      await using site = await start("--header-timeout", "1s", "--body-timeout", "1s");
      await endure(site, async (flood) => {
        const sockets = await flood.open(CLIENTS);
        const statuses = sockets.map((socket, index) => {
          socket.write(index % 2 === 0 ? "GET /get/x HTTP/1.1\r\nHo" : unfinished(90_000, 70_000));
          return firstLine(socket);
        });
        for (const line of await Promise.all(statuses)) assert.match(line, /^HTTP\/1\.1 408 /);
      });
    });

    test("slow readers hold no worker", async () => {
      await using site = await start("--write-timeout", "8s", "--response-buffer", "64k");
      await endure(site, async (flood) => {
        const sockets = await flood.open(WORKED_FOR);
        for (const socket of sockets) {
          socket.pause();
          socket.write(get("/large"));
        }
        const isThere = (): boolean => heldResources(site).files.length > 0;
        await site.server.until("answers in files", isThere, 5_000);
        await pause(1_000);
      });
    });

    test("thousands of idle connections are served when they ask at last", async () => {
      await using site = await start("--keep-alive", "60s", "--header-timeout", "60s");
      const source = transport === "epoll" ? "127.0.0.2" : "127.0.0.3";
      await endure(site, async (flood) => {
        const sockets = await flood.open(connectionsPossible(IDLE_CONNECTIONS), source);
        const some = sockets.filter((_, index) => index % 500 === 0);
        const answers = some.map((socket) => {
          socket.write(get("/get/late"));
          return firstLine(socket);
        });
        for (const line of await Promise.all(answers)) assert.equal(line, "HTTP/1.1 200 OK");
      });
    });
  });

  describe(`clients that go away, by ${transport}`, { concurrency: 2 }, () => {
    /** What they have sent, and how long they wait, before they are gone. */
    const phases: Readonly<Record<string, { sent: string; target?: string; waitMs: number }>> = {
      "before the head": { sent: "", waitMs: 20 },
      "in the head": { sent: "GET /get/x HTTP/1.1\r\nHo", waitMs: 20 },
      "in the content": {
        sent: unfinished(900_000, 200_000),
        waitMs: 50,
      },
      "while queued, or while the application runs": { sent: get("/slow/x?s=0.05"), waitMs: 30 },
      "while the answer streams": { sent: get("/stream/x?n=20&s=0.01"), waitMs: 60 },
      "while a large answer waits for them": { sent: get("/large"), waitMs: 300 },
    };
    for (const [phase, { sent, waitMs }] of Object.entries(phases)) {
      for (const way of ["close", "reset"] as const) {
        test(`${phase}, by a ${way}`, async () => {
          await using site = await start();
          const count = phase.startsWith("while ") ? WORKED_FOR : CLIENTS;
          await endure(site, async (flood) => {
            for (const socket of await flood.open(count)) {
              socket.pause();
              socket.write(sent);
            }
            await pause(waitMs);
            for (const socket of flood.sockets) {
              if (way === "reset") socket.resetAndDestroy();
              else socket.destroy();
            }
          });
          assert.equal((await rawRequest(site.port, get("/get/after"))).status, 200);
          const failed = site.logged(/ (?:error|warn) /);
          assert.deepEqual(failed, [], "a client that goes away is nobody's failure");
        });
      }
    }
  });
}
