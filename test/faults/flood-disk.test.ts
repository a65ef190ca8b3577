/**
 * A disk that is full: contents that do not fit are 507, none is corrupt, others notice nothing,
 * and nothing stays on the disk.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { get, post, put, TRANSPORTS } from "../end-to-end/exercise.ts";
import { RawClient, rawRequest, type RawResponse } from "../end-to-end/raw-client.ts";
import { FaultSite } from "./fault-site.ts";
import { assertReturns, heldResources, MEBIBYTE } from "./held-resources.ts";
import { assertServed, quickGet } from "./load-client.ts";
import { canMount, SmallDisk } from "./small-disk.ts";

const DISK_BYTES = MEBIBYTE;
/**
 * Three quarters of a second behind each of two slow readers, which have a worker one after the
 * other, and a machine that is held up meanwhile; below every time-out.
 */
const OTHERS_BOUND_MS = 7_000;
const LARGE_BYTES = 12 * MEBIBYTE;
const WORKERS = 2;

const CODE = `
import hashlib
import victim

site = victim.make_application("1")
PIECE = bytes(range(256)) * 256

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/large":
        start_response("200 OK", [("Content-Length", "${LARGE_BYTES}")])
        return [PIECE] * ${LARGE_BYTES / 65_536}
    if path == "/upload":
        content = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [hashlib.sha256(content).hexdigest().encode()]
    return site(environ, start_response)
`;

/** What /large answers, in a client's own making. */
const LARGE = Buffer.alloc(
  LARGE_BYTES,
  Uint8Array.from({ length: 256 }, (_, index) => index),
);

function upload(port: number, bytes: number): Promise<RawResponse> {
  return rawRequest(port, put("/upload", contentOf(bytes)));
}

/** Keeps the last byte back, and with it the content on the disk, until then. */
async function uploadInTwo(
  port: number,
  bytes: number,
  until: Promise<void>,
): Promise<RawResponse> {
  using client = await RawClient.connect(port);
  const request = post("/upload", contentOf(bytes));
  client.write(request.subarray(0, -1));
  await until;
  return await client.exchange(request.subarray(-1));
}

/** A content that no other length has a part of. */
function contentOf(bytes: number): Buffer {
  return Buffer.alloc(bytes, `${bytes} `);
}

function assertKeptOrRefused(answer: RawResponse, bytes: number): void {
  if (answer.status === 507) return;
  assert.equal(answer.status, 200);
  const digest = createHash("sha256").update(contentOf(bytes)).digest("hex");
  assert.equal(answer.text, digest, "the application got what was sent");
}

async function withFullDisk(
  transport: string,
  fault: (site: FaultSite, disk: SmallDisk) => Promise<void>,
): Promise<void> {
  using disk = new SmallDisk(DISK_BYTES);
  await using site = await FaultSite.start({
    args: ["--transport", transport, "--workers", String(WORKERS), "--response-buffer", "64k"],
    env: { TMPDIR: disk.folder },
    code: CODE,
  });
  // As many as have a worker left: where others wait, who reads slowly is cut off after a while.
  const others = site.load({ connections: WORKERS - 1, pauseMs: 20, kinds: [quickGet] });
  await others.more(20);
  const before = heldResources(site);
  const usedBefore = disk.usedBytes;
  await fault(site, disk);
  await others.more(20);
  await assertReturns(site, before);
  assert.ok(disk.usedBytes <= usedBefore, `${disk.usedBytes} bytes are left on the disk`);
  assertServed(await others.stop(), {
    slowestMs: OTHERS_BOUND_MS,
    output: site.server.output,
  });
}

/** Reads what comes until the end, however it ends. */
async function readLarge(client: RawClient): Promise<Buffer> {
  const bytes = await client.readToEnd();
  return bytes.subarray(bytes.indexOf("\r\n\r\n") + 4);
}

if (canMount()) {
  for (const transport of TRANSPORTS) {
    describe(`a full disk, by ${transport}`, () => {
      test("a content that does not fit is 507, and the next one that fits is served", async () => {
        await withFullDisk(transport, async (site) => {
          const refused = await upload(site.port, 3 * MEBIBYTE);
          assert.equal(refused.status, 507);
          assert.equal(refused.field("connection"), "close");
          const id = refused.field("x-request-id") ?? "";
          assert.match(refused.text, new RegExp(`Request ID: ${id}\n$`));
          const line = new RegExp(
            `a request failed requestId=${id} .*PUT /upload.* status=507 .*ENOSPC`,
          );
          await site.server.untilLogged(line);
          assertKeptOrRefused(await upload(site.port, 10_000), 10_000);
          const fitting = await upload(site.port, 500_000);
          assert.equal(fitting.status, 200, fitting.text);
          assertKeptOrRefused(fitting, 500_000);
        });
      });

      test("of many at once, none is corrupt", async () => {
        await withFullDisk(transport, async (site) => {
          const lengths = Array.from({ length: 16 }, (_, index) => 150_000 + index * 20_011);
          const isFull = site.server.untilLogged(/ENOSPC/);
          const answers = await Promise.all(
            lengths.map((bytes) => uploadInTwo(site.port, bytes, isFull)),
          );
          for (const [index, answer] of answers.entries()) {
            assertKeptOrRefused(answer, lengths[index] ?? 0);
          }
          assert.ok(
            answers.some(({ status }) => status === 507),
            "they do not all fit",
          );
          const after = await upload(site.port, 500_000);
          assert.equal(after.status, 200, "what was refused takes no space");
        });
      });

      test("an answer that does not fit is whole for a client that reads it at last", async () => {
        await withFullDisk(transport, async (site) => {
          using client = await RawClient.connect(site.port);
          client.socket.pause();
          client.write(get("/large", "Connection: close\r\n"));
          await site.server.until("the disk full", () => /ENOSPC/.test(site.log), 10_000);
          await pause(500);
          client.socket.resume();
          assert.ok((await readLarge(client)).equals(LARGE));
        });
      });

      test("slow readers are cut off where nobody else would have a worker", async () => {
        await withFullDisk(transport, async (site) => {
          const clients = await Promise.all(
            Array.from({ length: 2 * WORKERS }, () => RawClient.connect(site.port)),
          );
          for (const { socket } of clients) socket.pause();
          for (const client of clients) client.write(get("/large", "Connection: close\r\n"));
          await site.server.until("the disk full", () => /ENOSPC/.test(site.log), 10_000);
          await pause(2_500);
          for (const { socket } of clients) socket.resume();
          let cutOff = 0;
          for (const client of clients) {
            const content = await readLarge(client);
            if (content.length < LARGE_BYTES) cutOff++;
            assert.ok(content.equals(LARGE.subarray(0, content.length)), "what came is right");
            client.close();
          }
          assert.ok(cutOff > 0);
        });
      });
    });
  }
}
