/**
 * A collector for tests: takes what is posted to it as OTLP over HTTP, in JSON, and gives the spans
 * back. Written from the protocol's definition (opentelemetry-proto, `trace.proto`), and shares no
 * code with what sends them.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

type Value = { stringValue?: string; intValue?: number | string };
interface KeyValue {
  readonly key: string;
  readonly value: Value;
}

/** As it is on the wire. */
interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly events: readonly { readonly name: string; readonly timeUnixNano: string }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code?: number };
}

interface Message {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string };
      readonly spans: readonly WireSpan[];
    }[];
  }[];
}

export interface ReceivedSpan extends Omit<WireSpan, "attributes"> {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: string;
}

export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  /** Of each message: method, target and type, as they came. */
  readonly requests: string[] = [];
  /** Fields of the last message. */
  fields: http.IncomingHttpHeaders = {};
  /** What the next messages are answered with; null for no answer at all. */
  status: number | null = 200;
  readonly #server = http.createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      this.requests.push(`${request.method} ${request.url} ${request.headers["content-type"]}`);
      this.fields = request.headers;
      if (this.status === null) return;
      response.writeHead(this.status, { "content-type": "application/json" }).end("{}");
      if (this.status === 200) this.#take(Buffer.concat(pieces).toString("utf8"));
    });
  });

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The spans of this path. */
  of(path: string): ReceivedSpan[] {
    return this.spans.filter(({ attributes }) => attributes["url.path"] === path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #take(text: string): void {
    const message = JSON.parse(text) as Message;
    for (const { resource, scopeSpans } of message.resourceSpans) {
      for (const { scope, spans } of scopeSpans) {
        for (const span of spans) {
          assert.match(span.traceId, /^[0-9a-f]{32}$/);
          assert.match(span.spanId, /^[0-9a-f]{16}$/);
          assert.ok(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano));
          const attributes = valuesOf(span.attributes);
          const origin = valuesOf(resource.attributes);
          this.spans.push({ ...span, attributes, resource: origin, scope: scope.name });
        }
      }
    }
  }
}

function valuesOf(pairs: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
  );
}
