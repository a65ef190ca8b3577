/**
 * The answers to requests that the application could not be asked, or did not answer: an honest
 * status, and an id that leads from a user's report to the log and back.
 */
import type { ErrorPages } from "../http/error-page.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { AnswerFailure } from "../workers/application-request.ts";
import { gatewayAnswer, type WrittenAnswer } from "./gateway-answer.ts";

/** Why a request got no answer of the application. */
export type RequestFailure =
  | AnswerFailure
  /** Its whole exchange took too long: 504. */
  | "exchange-timed-out"
  /** Its content could not be kept, because a disk is full for example: 507. */
  | "content-not-kept"
  /** There was no descriptor for the file that its content needs: 503. */
  | "no-descriptor";

/** What is said of it, and to whom. */
export interface FailedRequest {
  readonly id: string;
  readonly head: RequestHead;
}

interface FailureKind {
  readonly status: number;
  /** For the client's eyes: it gives nothing away. */
  readonly detail: string;
  /** Whether a flood of requests is a flood of these: then not each one is logged. */
  readonly floods: boolean;
}

export const FAILURES: Readonly<Record<RequestFailure, FailureKind>> = {
  "application-error": failure(500, "the application failed on this request"),
  "worker-exited": failure(502, "the process that had this request ended before it answered"),
  "timed-out": failure(504, "the application did not answer in time"),
  "exchange-timed-out": failure(504, "the answer did not come in time"),
  "queue-full": failure(503, "too many requests are waiting", true),
  "queue-timed-out": failure(503, "no worker was free in time", true),
  "no-descriptor": failure(503, "the server has too much open at present", true),
  "content-not-kept": failure(507, "there is no space for the content of this request", true),
};

function failure(status: number, detail: string, floods = false): FailureKind {
  return { status, detail, floods };
}

/** Which failure it is that a content could not be written to its file. */
export function contentFailure(error: Error): RequestFailure {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EMFILE" || code === "ENFILE" ? "no-descriptor" : "content-not-kept";
}

/**
 * The page of the failure's status, with the request's id in it and in X-Request-ID.
 *
 * @param retryAfterSeconds for those failures that pass (RFC 9110 section 10.2.3): when to come
 *   again
 */
export function failureAnswer(
  pages: ErrorPages,
  cause: RequestFailure,
  { id }: FailedRequest,
  retryAfterSeconds: number,
): WrittenAnswer {
  const { status, detail } = FAILURES[cause];
  const answer = { status, fields: `X-Request-ID: ${id}\r\n`, detail, content: null };
  return gatewayAnswer(pages, answer, { requestId: id, retryAfterSeconds });
}
