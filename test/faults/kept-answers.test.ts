/**
 * A worker that dies or hangs in a POST, behind others that it has done and whose answers have not
 * left: these were run, and so they are answered, and none is run again.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { post } from "../end-to-end/exercise.ts";
import { RawClient } from "../end-to-end/raw-client.ts";
import { FaultSite } from "./fault-site.ts";

const CLIENTS = 24;
/** The one whose POST ends badly, behind some others of its batch. */
const VICTIM = 12;
/** So many that batches are formed. */
const QUICK_ROUNDS = 40;
const TIMEOUT = "1s";

/** Notes what it runs; and in what ends badly, how many bytes of answers its worker keeps. */
const CODE = `
import os
import signal
import time

import victim

def kept_bytes():
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            name = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if name.startswith("/memfd:portico-progress"):
            return int.from_bytes(os.pread(descriptor, 8, 16), "little")
    return 0

def app(environ, start_response):
    name = environ["wsgi.input"].read()
    victim.note(name.decode())
    if name.endswith(b"-badly"):
        victim.note(f"kept {kept_bytes()}")
        if environ["QUERY_STRING"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)
    start_response("200 OK", [("Content-Length", str(len(name)))])
    return [name]
`;

describe("answers that have not left", () => {
  for (const [way, status, badRounds] of [
    ["kill", 502, 4],
    ["hang", 504, 1],
  ] as const) {
    test(`${way} in a POST: ${status} for it alone, and each is run once`, async () => {
      // Over node:net a worker has nowhere to keep them, and sends each before the next begins.
      const args = ["--transport", "epoll", "--workers", "1", "--timeout", TIMEOUT];
      await using site = await FaultSite.start({ args, code: CODE });
      const connecting = Array.from({ length: CLIENTS }, () => RawClient.connect(site.port));
      const clients = await Promise.all(connecting);
      const all = (round: string, victim: number | null): Promise<[string, number, string][]> =>
        Promise.all(
          clients.map(async (client, number) => {
            const name = `${round}-${number}${number === victim ? "-badly" : ""}`;
            const answer = await client.exchange(post(`/same?${way}`, name));
            return [name, answer.status, answer.text];
          }),
        );
      const ran: string[] = [];
      for (let round = 0; round < QUICK_ROUNDS; round++) {
        ran.push(...(await all(`quick-${round}`, null)).map(([name]) => name));
      }
      for (let round = 0; round < badRounds; round++) {
        for (const [name, answered, text] of await all(`bad-${round}`, VICTIM)) {
          ran.push(name);
          const expected = name.endsWith("-badly") ? status : 200;
          assert.equal(answered, expected, `${name}\n${site.log}`);
          if (expected === 200) assert.equal(text, name, "it is its own answer");
        }
      }
      const notes = site.notes();
      const kept = notes.filter((note) => note.startsWith("kept "));
      const runs = notes.filter((note) => !kept.includes(note));
      assert.deepEqual(runs.toSorted(), ran.toSorted(), "each was run once");
      assert.equal(kept.length, badRounds);
      assert.ok(!kept.includes("kept 0"), kept.join(", "));
      for (const client of clients) client.close();
    });
  }
});
