/**
 * Large contents in both directions, while workers die and are stopped and code is reloaded: each
 * answer is whole and byte by byte its own, or is seen to be cut.
 */
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { TRANSPORTS } from "../end-to-end/exercise.ts";
import { FaultSite } from "./fault-site.ts";
import { LARGE_KINDS, SMALL_PIECES } from "./large-content.ts";
import { assertExactlyOnce, assertServed } from "./load-client.ts";
import { shopCode } from "./shop-code.ts";

const CONNECTIONS = 12;
const ROUNDS = 3;
const STOPPED_MS = 300;

describe("large contents", () => {
  for (const transport of TRANSPORTS) {
    // The machine may hold a client up for longer than a connection is kept by default.
    const args = ["--transport", transport, "--keep-alive", "60s"];

    test(`whole, in order, or seen to be cut, by ${transport}`, async () => {
      await using site = await FaultSite.start({
        args: [...args, "--workers", "2", "--watch-window", "off"],
        code: shopCode("1"),
      });
      const load = site.load({ kinds: LARGE_KINDS, connections: CONNECTIONS, pauseMs: 0 });
      for (let round = 1; round <= ROUNDS; round++) {
        await load.more(2 * CONNECTIONS);
        const [killed, stopped] = site.workers();
        if (killed !== undefined) process.kill(killed, "SIGKILL");
        await load.more(CONNECTIONS);
        if (stopped !== undefined) {
          process.kill(stopped, "SIGSTOP");
          await pause(STOPPED_MS);
          process.kill(stopped, "SIGCONT");
        }
        await load.more(CONNECTIONS);
        site.edit(shopCode(String(round + 1)));
        site.server.signal("SIGHUP");
        await load.until(`version ${round + 1}`, (exchanges) =>
          exchanges.slice(-CONNECTIONS).some(({ version }) => version === String(round + 1)),
        );
      }
      await load.round();
      const report = await load.stop();
      assertServed(report, {
        // What was under way in a worker that was killed: cut, or if nothing of it had left, 502.
        statuses: { 502: 2 * ROUNDS },
        cutsMax: 2 * ROUNDS,
        output: site.log,
      });
      assertExactlyOnce(report, site.notes());
    });

    test(`in small pieces, to clients that read slowly, by ${transport}`, async () => {
      await using site = await FaultSite.start({ args: [...args, "--workers", "4"] });
      const load = site.load({ kinds: [SMALL_PIECES], connections: CONNECTIONS, pauseMs: 0 });
      await load.more(10 * CONNECTIONS);
      assertServed(await load.stop(), { output: site.log });
    });
  }
});
