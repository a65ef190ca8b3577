/**
 * Request heads as clients send them, of any number of fields. Pure.
 */

const BROWSER_FIELDS = [
  "Host: 127.0.0.1:8000",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "Accept-Language: en-US,en;q=0.5",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Referer: http://127.0.0.1:8000/articles/",
  "Connection: keep-alive",
  "Upgrade-Insecure-Requests: 1",
  "Sec-Fetch-Dest: document",
  "Sec-Fetch-Mode: navigate",
  "Sec-Fetch-Site: same-origin",
  "Cookie: sessionid=4f1c2b6a9d8e7f60; theme=dark",
];

const TOOL_FIELDS = ["Host: 127.0.0.1:8000", "User-Agent: curl/8.5.0", "Accept: */*", "X-Id: 1"];

/** Field lines: those of a tool, of a browser, or of a browser and an application. */
export function fieldsOf(count: number): string[] {
  if (count <= TOOL_FIELDS.length) return TOOL_FIELDS.slice(0, count);
  const more = Array.from({ length: Math.max(0, count - BROWSER_FIELDS.length) }, (_, index) => {
    return `X-Application-Field-${index}: value of the field with number ${index}`;
  });
  return [...BROWSER_FIELDS.slice(0, count), ...more];
}

/** @param last stands at the end of the last field */
export function headOf(fields: readonly string[], last: string): Buffer {
  const lines = ["GET /articles/2026/?page=2 HTTP/1.1", ...fields];
  return Buffer.from(`${lines.join("\r\n")}${last}\r\n\r\n`);
}
