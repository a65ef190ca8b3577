/**
 * The receiving half of a connection as a table: which state follows which event (RFC 9112 sections
 * 6 and 9).
 *
 * The table is total. What cannot happen is marked as such, and throws: a receiver that is in a
 * state it cannot be in has lost track of where messages begin.
 *
 * A connection begins in `idle` and receives one request at a time:
 *
 *     idle -> receivingHead -> receivingContent -> awaitingResponse -> idle ...
 *                                               \-> closing -> closed
 */
import { invariant } from "../base/errors.ts";

export const STATE = {
  /** Between requests. */
  idle: 0,
  /** The first byte of a request line has arrived. */
  receivingHead: 1,
  /** The head has been reported; the content, if only an empty one, has not ended. */
  receivingContent: 2,
  /** The request is complete; the next one waits until it is answered. */
  awaitingResponse: 3,
  /** As awaitingResponse, but this was the last request of the connection. */
  closing: 4,
  /** Nothing more is received. */
  closed: 5,
} as const;

export type State = (typeof STATE)[keyof typeof STATE];

export const EVENT = {
  /** The first byte of a request line, behind any empty lines. */
  bytes: 0,
  /** A head was complete and in order. */
  head: 1,
  /** The content was complete, and the connection persists (RFC 9112 section 9.3). */
  contentEnd: 2,
  /** The content was complete, and the connection closes after this request (section 9.6). */
  lastContentEnd: 3,
  /** The answer has been sent. */
  responseEnd: 4,
  /** The client will not send any more, and nothing is left that it has sent. */
  inputEnd: 5,
  /** The client broke the protocol or a limit. */
  violation: 6,
} as const;

export type Event = (typeof EVENT)[keyof typeof EVENT];

export const STATE_COUNT = 6;
export const EVENT_COUNT = 7;

const NEVER = 255;

/** One row a state, one column an event, in the order of {@link STATE} and {@link EVENT}. */
const TRANSITIONS: Uint8Array = /* @__PURE__ */ Uint8Array.from(
  [
    // bytes, head, contentEnd, lastContentEnd, responseEnd, inputEnd, violation
    [STATE.receivingHead, NEVER, NEVER, NEVER, NEVER, STATE.closed, STATE.closed],
    [NEVER, STATE.receivingContent, NEVER, NEVER, NEVER, NEVER, STATE.closed],
    [NEVER, NEVER, STATE.awaitingResponse, STATE.closing, NEVER, NEVER, STATE.closed],
    [NEVER, NEVER, NEVER, NEVER, STATE.idle, NEVER, NEVER],
    [NEVER, NEVER, NEVER, NEVER, STATE.closed, NEVER, NEVER],
    [NEVER, NEVER, NEVER, NEVER, STATE.closed, STATE.closed, NEVER],
  ].flat(),
);

/** Whether the event can happen in the state. */
export function isPossible(state: State, event: Event): boolean {
  return TRANSITIONS[state * EVENT_COUNT + event] !== NEVER;
}

/**
 * The state that follows.
 *
 * @throws {Error} where {@link isPossible} is false: the caller is at fault, not the client
 */
export function nextState(state: State, event: Event): State {
  const next = TRANSITIONS[state * EVENT_COUNT + event] ?? NEVER;
  invariant(next !== NEVER, `event ${event} cannot happen in state ${state} of a connection`);
  return next as State;
}
