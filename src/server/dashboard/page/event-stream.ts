/**
 * Server-sent events (WHATWG HTML, section 9.2.6), as far as our own server sends them: `event` and
 * `data`, lines that end in LF. Pure: text in, events out, however the text is cut.
 */

export interface StreamEvent {
  readonly name: string;
  readonly data: string;
}

/** The largest event is ten minutes of seconds; a server that sends more is none of ours. */
const EVENT_MAX_CHARS = 4_194_304;

export class EventStreamReader {
  #unread = "";

  /** @throws {Error} where an event does not end */
  push(text: string): StreamEvent[] {
    const events = (this.#unread + text).split("\n\n");
    this.#unread = events.pop() ?? "";
    if (this.#unread.length > EVENT_MAX_CHARS) throw new Error("an event does not end");
    return events.map(parseEvent);
  }
}

function parseEvent(text: string): StreamEvent {
  let name = "message";
  const data: string[] = [];
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    const field = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") name = value;
    else if (field === "data") data.push(value);
  }
  return { name, data: data.join("\n") };
}
