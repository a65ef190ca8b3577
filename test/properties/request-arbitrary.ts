/** Requests in order, by the grammar of RFC 9112, with what a receiver must make of them. */
import fc from "fast-check";
import type { RequestRecord } from "../http1/cut-and-replay.ts";

/** A request, and how it is written. */
export interface WrittenRequest {
  readonly bytes: Buffer;
  readonly record: RequestRecord;
}

const PLAIN_RECORD = { noNullPrototype: true } as const;

const token = fc.stringMatching(/^[!#-'*+.^_`|~\w-]{1,12}$/);
const method = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH") },
  { weight: 1, arbitrary: token.filter((name) => name !== "CONNECT") },
);
const path = fc.stringMatching(/^\/[\x21\x22\x24-\x3e\x40-\x7e\x80-\xff]{0,20}$/);
const query = fc.option(fc.stringMatching(/^[\x21\x22\x24-\x7e\x80-\xff]{0,20}$/));
const host = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
  fc.constantFrom("a%20b", "[v1.a:b]", "!$&'()*+,;="),
);
const port = fc.option(fc.oneof(fc.constant(""), fc.nat(65_535).map(String)));
const authority = fc
  .tuple(host, port)
  .map(([name, number]) => (number === null ? name : `${name}:${number}`));

type Target = Pick<RequestRecord, "method" | "target" | "form" | "path" | "query" | "authority">;

const originForm: fc.Arbitrary<Target> = fc
  .tuple(method, path, query)
  .map(([verb, where, what]) => ({
    method: verb,
    target: what === null ? where : `${where}?${what}`,
    form: "origin",
    path: where,
    query: what ?? "",
    authority: null,
  }));
const absoluteForm: fc.Arbitrary<Target> = fc
  .tuple(originForm, fc.constantFrom("http", "https", "HTTP"), authority)
  .map(([target, scheme, who]) => ({
    ...target,
    target: `${scheme}://${who}${target.target}`,
    form: "absolute",
    authority: who,
  }));
const asteriskForm: fc.Arbitrary<Target> = fc.constant({
  method: "OPTIONS",
  target: "*",
  form: "asterisk",
  path: "*",
  query: "",
  authority: null,
});
const authorityForm: fc.Arbitrary<Target> = fc
  .tuple(host, fc.nat(65_535))
  .map(([name, number]) => `${name}:${number}`)
  .map((who) => ({
    method: "CONNECT",
    target: who,
    form: "authority",
    path: "",
    query: "",
    authority: who,
  }));
const target = fc.oneof(
  { weight: 6, arbitrary: originForm },
  { weight: 2, arbitrary: absoluteForm },
  asteriskForm,
  authorityForm,
);

const fieldValue = fc.oneof(
  fc.constant(""),
  fc.stringMatching(/^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]{0,30}[\x21-\x7e\x80-\xff])?$/),
);
const space = fc.constantFrom("", " ", "\t", " \t ");
/** A field that means nothing to the receiver, as it is written and as it is understood. */
const field = fc
  .tuple(token, fieldValue, space, space)
  .map(([name, value, before, behind]): [line: string, field: [string, string]] => [
    `X-${name}:${before}${value}${behind}\r\n`,
    [`x-${name.toLowerCase()}`, value],
  ]);
const fields = fc.array(field, { maxLength: 4 });

const data = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const extension = fc.constantFrom("", ";a", ";a=b", '; a = "\\"\u00e9;"', "\t;a;b=c");
const chunk = fc.tuple(data, extension, fc.boolean()).map(([text, more, upper]) => {
  const size = text.length.toString(16);
  return { text, line: `${upper ? size.toUpperCase() : `0${size}`}${more}\r\n${text}\r\n` };
});

interface Content {
  readonly framing: RequestRecord["framing"];
  readonly lines: [line: string, field: [string, string]][];
  readonly written: string;
  readonly content: string;
  readonly trailers: RequestRecord["trailers"];
}

const noContent: fc.Arbitrary<Content> = fc.constant({
  framing: { kind: "none" },
  lines: [],
  written: "",
  content: "",
  trailers: [],
});
const knownLength: fc.Arbitrary<Content> = data.map((content) => ({
  framing: { kind: "length", bytes: content.length },
  lines: [[`Content-Length: ${content.length}\r\n`, ["content-length", String(content.length)]]],
  written: content,
  content,
  trailers: [],
}));
const chunked: fc.Arbitrary<Content> = fc
  .tuple(
    fc.array(chunk, { maxLength: 4 }),
    extension,
    fields,
    fc.constantFrom("chunked", "Chunked"),
  )
  .map(([chunks, extensions, trailers, coding]) => {
    const filled = chunks.filter(({ text }) => text !== "");
    const trailerLines = trailers.map(([line]) => line).join("");
    return {
      framing: { kind: "chunked" },
      lines: [[`transfer-encoding: ${coding}\r\n`, ["transfer-encoding", coding]]],
      written: filled.map(({ line }) => line).join("") + `0${extensions}\r\n${trailerLines}\r\n`,
      content: filled.map(({ text }) => text).join(""),
      trailers: trailers
        .map(([, [name, value]]) => ({ name, value }))
        .filter(({ name }) => !/_|^x-forwarded-|^x-real-ip$/.test(name)),
    };
  });
const content = fc.oneof(noContent, knownLength, chunked);

const facts = fc.record(
  { target, host: authority, before: fields, behind: fields, content, empty: fc.nat(4) },
  PLAIN_RECORD,
);

/** One request of HTTP/1.1, after which the connection goes on, but for CONNECT. */
export const writtenRequest: fc.Arbitrary<WrittenRequest> = facts.map((given) => {
  const { method: verb, ...rest } = given.target;
  const hostLine: [string, [string, string]] = [`HOST:${given.host}\r\n`, ["host", given.host]];
  const lines = [...given.before, hostLine, ...given.content.lines, ...given.behind];
  const text = [
    "\r\n".repeat(given.empty),
    `${verb} ${given.target.target} HTTP/1.1\r\n`,
    ...lines.map(([line]) => line),
    "\r\n",
    given.content.written,
  ].join("");
  const record: RequestRecord = {
    method: verb,
    ...rest,
    versionMinor: 1,
    fields: lines.map(([, understood]) => understood),
    framing: given.content.framing,
    persistent: verb !== "CONNECT",
    expectsContinue: false,
    content: given.content.content,
    trailers: given.content.trailers,
  };
  return { bytes: Buffer.from(text, "latin1"), record };
});

/** Pieces of requests, right and wrong, from which near misses are put together. */
const FRAGMENTS = [
  "GET / HTTP/1.1\r\n",
  "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /a?b HTTP/1.0\r\n",
  "OPTIONS * HTTP/1.1\r\n",
  "GET https://a/ HTTP/1.1\r\n",
  "Host: a\r\n",
  "Content-Length: 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Expect: 100-continue\r\n",
  "\r\n",
  "3\r\nabc\r\n",
  "0\r\n\r\n",
  "abc",
  " ",
  "\r",
  "\n",
  "\0",
];

const nearMiss = fc
  .array(fc.constantFrom(...FRAGMENTS), { maxLength: 8 })
  .map((fragments) => Buffer.from(fragments.join(""), "latin1"));
const anyBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));

/** Anything that a client may send on one connection; much of it is in order. */
export const anyConnection: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: writtenRequest.map(({ bytes }) => bytes) },
      { weight: 4, arbitrary: nearMiss },
      { weight: 1, arbitrary: anyBytes },
    ),
    { maxLength: 5 },
  )
  .map((parts) => Buffer.concat(parts));

/** Where bytes are cut, as parts of the whole. */
export const cutPlaces: fc.Arbitrary<number[]> = fc.array(
  fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  { maxLength: 12 },
);
