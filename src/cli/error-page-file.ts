/**
 * Reads the page that an operator gives for the gateway's own error answers.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { EXIT_STATUS, OperatorError } from "../base/errors.ts";
import { PAGE_TEMPLATE_MAX_BYTES, type PageTemplate } from "../http/error-page.ts";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".htm": "text/html; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".json": "application/json",
};

/**
 * @param file ends in one of the extensions that the option allows
 * @throws {OperatorError} exit status 2: it cannot be read, is too large, or is no UTF-8
 */
export function readErrorPage(file: string): PageTemplate {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw refused(file, `cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (bytes.length > PAGE_TEMPLATE_MAX_BYTES) {
    throw refused(file, `is larger than ${PAGE_TEMPLATE_MAX_BYTES} bytes`);
  }
  const contentType = CONTENT_TYPES[path.extname(file).toLowerCase()] ?? "text/plain";
  try {
    return { contentType, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    throw refused(file, "is not UTF-8");
  }
}

function refused(file: string, why: string): OperatorError {
  return new OperatorError(EXIT_STATUS.usage, `--error-page ${file}: the file ${why}`);
}
