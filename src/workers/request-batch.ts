/**
 * The requests that leave for one worker in one frame: encodes them as docs/worker-protocol.md
 * says, and remembers which environ templates that worker has.
 *
 * Owns the memory that they are written to. Knows nothing of answers.
 */
import type { ByteStream } from "../net/byte-stream.ts";
import type { WorkerLink } from "../net/transport.ts";
import type { EnvironTemplate, RequestBody } from "./application-request.ts";
import type { Job } from "./job.ts";
import { MarshalWriter } from "./marshal-writer.ts";
import { NO_TEMPLATE, TEMPLATES_MAX, writeEnviron } from "./protocol.ts";

/** By which way descriptors come to the worker. */
export type DescriptorPassage = Pick<WorkerLink, "passFile" | "passSocket" | "passContentSocket">;

const REQUEST_TUPLE_LENGTH = 9;
/** Where the first request is written: behind the frame's length and the list's type and count. */
const PREFIX_BYTES = 9;
/** A buffer that a large request made grow beyond this is given back after it was sent. */
const KEEP_MAX_BYTES = 1_048_576;

export class RequestBatch {
  /** Requests in it. */
  length = 0;
  readonly #channelIndex: number;
  readonly #passage: DescriptorPassage;
  readonly #capacityBytes: number;
  readonly #templates: (EnvironTemplate | null)[] = [];
  #templateHand = 0;
  #writer: MarshalWriter;

  /** @param channelIndex by which a template knows its number in this worker */
  constructor(channelIndex: number, passage: DescriptorPassage, capacityBytes: number) {
    this.#channelIndex = channelIndex;
    this.#passage = passage;
    this.#capacityBytes = capacityBytes;
    this.#writer = new MarshalWriter(capacityBytes);
    this.#writer.length = PREFIX_BYTES;
  }

  /** Its size as far as it is written. */
  get bytes(): number {
    return this.#writer.length;
  }

  add(job: Job): void {
    const { request } = job;
    const writer = this.#writer;
    this.length++;
    writer.tuple(REQUEST_TUPLE_LENGTH);
    writer.int(job.slot);
    writer.int(job.generation);
    this.#addTemplate(writer, request.template);
    writer.string(request.path);
    writer.string(request.query);
    if (request.rawUri === null) writer.none();
    else writer.string(request.rawUri);
    this.#addContent(writer, request.content);
    if (request.ownEntries === null) writer.none();
    else writeEnviron(writer, request.ownEntries);
  }

  /** Sends the frame, and begins the next batch. */
  sendOver(stream: ByteStream): void {
    const writer = this.#writer;
    const end = writer.length;
    writer.length = 0;
    const lengthAt = writer.skip(4);
    writer.list(this.length);
    writer.bytes.writeUInt32LE(end - 4, lengthAt);
    this.length = 0;
    stream.write(writer.bytes, 0, end);
    if (writer.bytes.length > KEEP_MAX_BYTES) this.#writer = new MarshalWriter(this.#capacityBytes);
    this.#writer.length = PREFIX_BYTES;
  }

  #addTemplate(writer: MarshalWriter, template: EnvironTemplate): void {
    const known = template.numbers[this.#channelIndex];
    if (known !== undefined && this.#templates[known] === template) {
      writer.int(known);
      writer.none();
      return;
    }
    if (template.uses++ === 0) {
      writer.int(NO_TEMPLATE);
    } else {
      const number = this.#templateHand;
      this.#templateHand = (number + 1) % TEMPLATES_MAX;
      this.#templates[number] = template;
      template.numbers[this.#channelIndex] = number;
      writer.int(number);
    }
    writer.encoded(template.encoded);
  }

  #addContent(writer: MarshalWriter, content: RequestBody): void {
    if (content === null) {
      writer.none();
    } else if (Buffer.isBuffer(content)) {
      writer.bytesObject(content, 0, content.length);
    } else if ("lend" in content) {
      this.#passage.passContentSocket(content.lend());
      writer.tuple(2);
      writer.bytesObject(content.received, 0, content.received.length);
      writer.int(content.lengthBytes);
    } else {
      const path = this.#passage.passFile(content);
      if (path === null) writer.int(content.lengthBytes);
      else writer.string(path);
    }
  }
}
