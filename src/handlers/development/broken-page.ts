/**
 * What is answered while the code does not load: for a browser a page with the traceback, for
 * programs plain text or JSON as RFC 9457 has it. Pure. The page is whole in itself, and everything
 * that comes from the code is escaped.
 */
import path from "node:path";
import { escapeHtml, type ErrorFormat } from "../../http/error-page.ts";
import { preferredMediaType } from "../../http/media-type-preference.ts";
import { CONTENT_SECURITY_POLICY, SCRIPT, STYLE } from "./broken-page-parts.ts";
import {
  finalError,
  finalFrame,
  isOwnFile,
  parseTraceback,
  type TracebackPart,
} from "./traceback.ts";

/** Code that does not load. */
export interface BrokenCode {
  /** The application's, as it was given. */
  readonly reference: string;
  /** The working folder: files below it are named from there. */
  readonly folder: string;
  /** One line. */
  readonly why: string;
  /** A traceback; null where there is none. */
  readonly traceback: string | null;
}

/** Who asks, and how the page learns that it is out of date. */
export interface BrokenPageRequest {
  readonly method: string;
  /** The value of Accept; null where there is none. */
  readonly accept: string | null;
  /** Where the gateway tells that there is something else to be shown, and since what. */
  readonly reloadPath: string;
  readonly since: string;
}

export interface BrokenPage {
  /** Field lines, each with its CRLF. */
  readonly fields: string;
  readonly content: Buffer;
}

/** Frames in the page, of the beginning and of the end; what is between is in the plain text. */
const PARTS_SHOWN_MAX = 100;
/** Of an exception that says very much; the whole is in the plain text. */
const HEADING_LENGTH_MAX = 1_000;
/** How often a page without scripts asks anew. */
const REFRESH_SECONDS = 2;

const PROMISE = "This page goes away by itself when the code loads.";

export function brokenPage(
  broken: BrokenCode,
  format: ErrorFormat,
  request: BrokenPageRequest,
): BrokenPage {
  const plain = format === "json" ? "application/json" : "text/plain";
  const other = format === "json" ? "text/plain" : "application/json";
  const offered = [plain, "text/html", other] as const;
  const mediaType = preferredMediaType(request.accept, offered) ?? plain;
  switch (mediaType) {
    case "text/html":
      return answer(
        "text/html; charset=utf-8",
        `Content-Security-Policy: ${CONTENT_SECURITY_POLICY}\r\n`,
        html(broken, request),
      );
    case "application/json":
      return answer("application/problem+json", "", json(broken));
    case "text/plain":
      return answer("text/plain; charset=utf-8", "", text(broken));
    default:
      return mediaType satisfies never;
  }
}

function answer(contentType: string, moreFields: string, content: string): BrokenPage {
  const fields =
    `Content-Type: ${contentType}\r\nCache-Control: no-store\r\nVary: Accept\r\n` +
    `X-Content-Type-Options: nosniff\r\n${moreFields}`;
  return { fields, content: Buffer.from(content) };
}

function text({ reference, why, traceback }: BrokenCode): string {
  const head = `${reference} does not load.\n\n${why}\n`;
  return traceback === null ? head : `${head}\n${traceback.trimEnd()}\n`;
}

function json({ why, traceback }: BrokenCode): string {
  const problem = { status: 500, title: "the code does not load", detail: why };
  return `${JSON.stringify(traceback === null ? problem : { ...problem, traceback })}\n`;
}

function html(broken: BrokenCode, { method, reloadPath, since }: BrokenPageRequest): string {
  const { reference, folder, why, traceback } = broken;
  const parts = traceback === null ? [] : parseTraceback(traceback);
  const error = finalError(parts) ?? why;
  const frame = finalFrame(parts);
  const attributes =
    `data-path="${escapeHtml(reloadPath)}" data-since="${escapeHtml(since)}" ` +
    `data-method="${escapeHtml(method)}"`;
  const place =
    frame === null
      ? ""
      : `<p>in <code>${escapeHtml(shownFile(frame.file, folder))}</code>, ` +
        `line <strong>${frame.line}</strong></p>\n`;
  const list = shownParts(parts).map((part) => listItem(part, folder));
  const frames = list.length === 0 ? "" : `<ol>\n${list.join("\n")}\n</ol>\n`;
  const whole =
    traceback === null
      ? ""
      : `<details>\n<summary>As Python says it</summary>\n<p>${escapeHtml(why)}</p>\n` +
        `<pre>${escapeHtml(traceback.trimEnd())}</pre>\n</details>\n`;
  return `<!doctype html>
<html lang="en" ${attributes}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(cut(error))}</title>
<link rel="icon" href="data:,">
<noscript><meta http-equiv="refresh" content="${REFRESH_SECONDS}"></noscript>
<style>${STYLE}</style>
</head>
<body>
<header>
<p class="faint"><code>${escapeHtml(reference)}</code> does not load</p>
<h1>${escapeHtml(cut(error))}</h1>
${place}</header>
<main>
${frames}${whole}</main>
<footer>
<p role="status">${PROMISE}</p>
</footer>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function shownParts(parts: readonly TracebackPart[]): readonly TracebackPart[] {
  if (parts.length <= PARTS_SHOWN_MAX) return parts;
  const half = PARTS_SHOWN_MAX / 2;
  const leftOut = parts.length - PARTS_SHOWN_MAX;
  const remark = { kind: "remark", text: `${leftOut} more, see the plain text below` } as const;
  return [...parts.slice(0, half), remark, ...parts.slice(-half)];
}

function listItem(part: TracebackPart, folder: string): string {
  if (part.kind !== "frame") return `<li class="${part.kind}">${escapeHtml(cut(part.text))}</li>`;
  const { file, line, name, code } = part;
  const own = isOwnFile(file) ? "own" : "other";
  const within = name === null ? "" : `, in <code>${escapeHtml(name)}</code>`;
  const source = code.length === 0 ? "" : `<pre>${escapeHtml(code.join("\n"))}</pre>`;
  return (
    `<li class="${own}"><p><code>${escapeHtml(shownFile(file, folder))}</code>, line ${line}` +
    `${within}</p>${source}</li>`
  );
}

/** From the working folder where it is below it. */
function shownFile(file: string, folder: string): string {
  const relative = path.relative(folder, file);
  return path.isAbsolute(file) && !relative.startsWith("..") ? relative : file;
}

function cut(said: string): string {
  return said.length > HEADING_LENGTH_MAX ? `${said.slice(0, HEADING_LENGTH_MAX)}...` : said;
}
