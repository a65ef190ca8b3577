/**
 * The worker's end of a channel, played by the test: reads the frames that the gateway wrote, and
 * builds those that a worker sends. Written from docs/worker-protocol.md, not from the code under
 * test.
 */
import assert from "node:assert/strict";

import { MemoryStream } from "../net/memory-stream.ts";
import { type MarshalValue, readMarshal } from "./marshal-reader.ts";

export interface SentRequest {
  readonly slot: number;
  readonly generation: number;
  readonly template: number;
  readonly fields: ReadonlyMap<MarshalValue, MarshalValue> | null;
  readonly path: string;
  readonly query: string;
  readonly rawUri: string | null;
  readonly body: Buffer | number | string | null | readonly MarshalValue[];
  /** Environ entries of this request alone. */
  readonly own: ReadonlyMap<MarshalValue, MarshalValue> | null;
}

export interface Address {
  readonly slot: number;
  readonly generation: number;
}

export interface FrameFields {
  readonly slot?: number;
  readonly generation?: number;
  readonly elapsedUs?: number;
  readonly kind: number;
  readonly flags?: number;
  readonly status?: number;
  readonly contentLength?: number;
  readonly head?: string;
  /** Where it differs from the length of `head`. */
  readonly headLength?: number;
  readonly body?: Buffer | string;
}

const KIND = {
  response: 1,
  head: 2,
  chunk: 3,
  end: 4,
  abort: 5,
  error: 6,
  ready: 7,
  interim: 8,
  borrow: 10,
  sent: 11,
  taken: 12,
  returned: 13,
} as const;
const FLAG_RETURNED = 2;

/** One frame of a worker. */
export function frame(fields: FrameFields): Buffer {
  const head = Buffer.from(fields.head ?? "", "latin1");
  const body = typeof fields.body === "string" ? Buffer.from(fields.body, "latin1") : fields.body;
  const header = Buffer.alloc(32);
  header.writeUInt32LE(fields.slot ?? 0, 0);
  header.writeUInt32LE(fields.generation ?? 0, 4);
  header.writeUInt32LE(fields.elapsedUs ?? 0, 8);
  header.writeUInt32LE(body?.length ?? 0, 12);
  header.writeUInt8(fields.kind, 16);
  header.writeUInt8(fields.flags ?? (fields.contentLength === undefined ? 0 : 1), 17);
  header.writeUInt16LE(fields.status ?? 0, 18);
  header.writeUInt32LE(fields.headLength ?? head.length, 20);
  header.writeBigUInt64LE(BigInt(fields.contentLength ?? 0), 24);
  return Buffer.concat([header, head, body ?? Buffer.alloc(0)]);
}

/** @param progress the descriptor of the file that its progress is in */
export function readyFrame(pid: number, progress = 0): Buffer {
  return frame({ kind: KIND.ready, slot: pid, generation: progress });
}

/** A whole answer whose Content-Length is declared. */
export function responseFrame(
  to: Address,
  body: Buffer | string,
  elapsedUs = 100,
  status = 200,
): Buffer {
  const length = body.length;
  return frame({
    ...addressOf(to),
    kind: KIND.response,
    elapsedUs,
    status,
    head: `${status} OK\r\nContent-Length: ${length}\r\n`,
    contentLength: length,
    body,
  });
}

/** The begin of an answer that is streamed: no length is declared. */
export function headFrame(to: Address, body: Buffer | string = ""): Buffer {
  const head = "200 OK\r\nContent-Type: text/plain\r\n";
  return frame({ ...addressOf(to), kind: KIND.head, status: 200, head, body });
}

export function chunkFrame(to: Address, body: Buffer | string): Buffer {
  return frame({ ...addressOf(to), kind: KIND.chunk, body });
}

/** A 103 (Early Hints) with these field lines. */
export function interimFrame(to: Address, fields: string): Buffer {
  const head = `103 Early Hints\r\n${fields}`;
  return frame({ ...addressOf(to), kind: KIND.interim, status: 103, head });
}

/** A wish for the client's socket. */
export function borrowFrame(to: Address): Buffer {
  return frame({ ...addressOf(to), kind: KIND.borrow });
}

/** The worker has all of a content that it was to take off the client's socket. */
export function takenFrame(to: Address): Buffer {
  return frame({ ...addressOf(to), kind: KIND.taken });
}

/**
 * What the worker gives back of such a content.
 *
 * @param isLast the socket, too, and the request
 */
export function returnedFrame(to: Address, content: string, isLast: boolean): Buffer {
  const flags = isLast ? FLAG_RETURNED : 0;
  return frame({ ...addressOf(to), kind: KIND.returned, flags, elapsedUs: 55, head: content });
}

/** What the worker has sent to the client by itself. */
/**
 * @param framingBytes of what was sent, and of the rest
 * @param rest         what the gateway is to send as it is
 */
export function sentFrame(
  to: Address,
  bytes: number,
  returned: boolean,
  framingBytes = 0,
  rest = "",
): Buffer {
  const flags = returned ? FLAG_RETURNED : 0;
  const size = { contentLength: bytes, elapsedUs: framingBytes, head: rest };
  return frame({ ...addressOf(to), kind: KIND.sent, flags, ...size });
}

/** A frame without a head and without content. */
export function closingFrame(
  to: Address,
  kind: "end" | "abort" | "error",
  elapsedUs = 100,
): Buffer {
  return frame({ ...addressOf(to), kind: KIND[kind], elapsedUs });
}

function addressOf({ slot, generation }: Address): Address {
  return { slot, generation };
}

export class FakeWorker {
  readonly stream = new MemoryStream();
  readonly #batches: SentRequest[][] = [];
  readonly #cancellations: Address[] = [];
  #reopenings = 0;
  #readBytes = 0;

  /** Each batch that came, as it came. */
  get batches(): readonly SentRequest[][] {
    this.#read();
    return this.#batches;
  }

  /** All requests that came so far. */
  get requests(): SentRequest[] {
    return this.batches.flat();
  }

  /** The request with that place in the order in which they came. */
  request(place: number): SentRequest {
    const request = this.requests[place];
    assert.ok(request !== undefined, `the worker was sent a request number ${place}`);
    return request;
  }

  get cancellations(): readonly Address[] {
    this.#read();
    return this.#cancellations;
  }

  /** How often it was told to open its log again. */
  get reopenings(): number {
    this.#read();
    return this.#reopenings;
  }

  send(...frames: Buffer[]): void {
    this.stream.deliver(Buffer.concat(frames));
  }

  #read(): void {
    const received = this.stream.received;
    while (this.#readBytes < received.length) {
      const length = received.readUInt32LE(this.#readBytes);
      const start = this.#readBytes + 4;
      assert.ok(start + length <= received.length, "the last frame is whole");
      this.#take(readMarshal(received.subarray(start, start + length)));
      this.#readBytes = start + length;
    }
  }

  #take(message: MarshalValue): void {
    assert.ok(Array.isArray(message), "a frame holds a list or a tuple");
    if (message[0] === "cancel") {
      this.#cancellations.push({ slot: Number(message[1]), generation: Number(message[2]) });
      return;
    }
    if (message[0] === "reopen") {
      assert.equal(message.length, 1);
      this.#reopenings++;
      return;
    }
    this.#batches.push(message.map(readRequest));
  }
}

function readRequest(value: MarshalValue): SentRequest {
  assert.ok(Array.isArray(value) && value.length === 9, "a request is a tuple of nine");
  const [slot, generation, template, fields, path, query, rawUri, body, own] = value;
  return {
    slot: slot as number,
    generation: generation as number,
    template: template as number,
    fields: fields as ReadonlyMap<MarshalValue, MarshalValue> | null,
    path: path as string,
    query: query as string,
    rawUri: rawUri as string | null,
    body: body as Buffer | number | string | null | readonly MarshalValue[],
    own: own as ReadonlyMap<MarshalValue, MarshalValue> | null,
  };
}
