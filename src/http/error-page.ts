/**
 * The contents of the gateway's own error answers: small, and of one shape everywhere.
 *
 * Plain text, JSON as RFC 9457 has it, or a page of the operator's. Knows neither how a response is
 * written nor where a page comes from.
 */
import { REASON_PHRASES } from "./status.ts";

export type ErrorFormat = "text" | "json";

/** A page of the operator's, in which placeholders are replaced. */
export interface PageTemplate {
  readonly contentType: string;
  /** Holds `{status}`, `{reason}`, `{detail}` and `{request-id}`, each any number of times. */
  readonly text: string;
}

export interface ErrorPage {
  /** The value of Content-Type. */
  readonly contentType: string;
  readonly content: Buffer;
}

/** Bound of the page that an operator gives; every error answer carries it. */
export const PAGE_TEMPLATE_MAX_BYTES = 65_536;

const PLACEHOLDER = /\{(status|reason|detail|request-id)\}/g;
const HTML_ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export class ErrorPages {
  readonly #format: ErrorFormat;
  readonly #template: PageTemplate | null;

  /** @param template goes before the format; null for none */
  constructor(format: ErrorFormat, template: PageTemplate | null) {
    this.#format = format;
    this.#template = template;
  }

  /**
   * The page for a status.
   *
   * @param detail    one sentence for anybody to read, which gives nothing away; null for none
   * @param requestId what the request is called in the log; null where nothing more is to be found
   *   there
   */
  page(status: number, detail: string | null, requestId: string | null = null): ErrorPage {
    const reason = REASON_PHRASES[status] ?? "";
    if (this.#template !== null) {
      return fill(this.#template, {
        status: String(status),
        reason,
        detail: detail ?? "",
        "request-id": requestId ?? "",
      });
    }
    if (this.#format === "json") {
      const problem = {
        // RFC 9457 section 3.1: without `type` the problem is what the status says.
        status,
        title: reason,
        ...(detail === null ? {} : { detail }),
        // An extension member (section 3.2): `instance` would have to be a URI.
        ...(requestId === null ? {} : { requestId }),
      };
      const content = Buffer.from(`${JSON.stringify(problem)}\n`);
      return { contentType: "application/problem+json", content };
    }
    const lines = [`${status} ${reason}`];
    if (detail !== null) lines.push(detail);
    if (requestId !== null) lines.push(`Request ID: ${requestId}`);
    return {
      contentType: "text/plain; charset=utf-8",
      content: Buffer.from(`${lines.join("\n")}\n`),
    };
  }
}

function fill(template: PageTemplate, values: Readonly<Record<string, string>>): ErrorPage {
  const isHtml = template.contentType.startsWith("text/html");
  const escape = isHtml ? escapeHtml : jsonOrPlain(template.contentType);
  const text = template.text.replace(PLACEHOLDER, (_, name: string) => escape(values[name] ?? ""));
  return { contentType: template.contentType, content: Buffer.from(text) };
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => HTML_ESCAPES[char] ?? char);
}

/** What stands in a JSON string is escaped for one; anything else is plain text. */
function jsonOrPlain(contentType: string): (text: string) => string {
  const isJson = contentType.includes("json");
  return (text) => (isJson ? JSON.stringify(text).slice(1, -1) : text);
}
