/**
 * The style and the script of the page that is shown while the code does not load, and the policy
 * under which a browser runs them. Both are the same for every page, so that the policy can name
 * them by their hashes; what differs stands in attributes of the root element.
 */
import { createHash } from "node:crypto";

export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --ink: #1d1c1a; --faint: #6d6a64; --line: #dedbd4;
  --code: #f1efea; --own: #fff4d6; --mark: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #191817; --ink: #eceae5; --faint: #a19d95; --line: #3a3834;
    --code: #23211f; --own: #362d14; --mark: #ff9b92;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 60rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif;
}
h1 {
  margin: 0.25rem 0 0.75rem; color: var(--mark);
  font-size: clamp(1.35rem, 1rem + 2.5vw, 2.25rem); line-height: 1.25;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
p { margin: 0.5rem 0; overflow-wrap: anywhere; }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; }
ol { margin: 2rem 0; padding: 0; list-style: none; }
li { margin: 0.5rem 0; border: 1px solid var(--line); border-radius: 0.375rem; overflow: hidden; }
li.remark, li.error { border: 0; margin: 1rem 0; overflow-wrap: anywhere; }
li.error { color: var(--mark); font-weight: 600; white-space: pre-wrap; }
li > p { margin: 0; padding: 0.375rem 0.75rem; font-size: 0.875rem; color: var(--faint); }
li.own { border-color: var(--mark); }
li.own > p { background: var(--own); color: var(--ink); }
pre { margin: 0; padding: 0.625rem 0.75rem; overflow-x: auto; background: var(--code); }
summary { cursor: pointer; padding: 0.5rem 0; }
.faint, footer { color: var(--faint); }
footer { margin-top: 2rem; font-size: 0.875rem; }
`;

/**
 * Asks the gateway whether something else is to be shown by now, and shows it. An answer comes when
 * there is something (200), or after a while when there is nothing (204). A page that is not seen
 * asks nothing: browsers have few connections for each site. What was sent with a form is not sent
 * again.
 */
export const SCRIPT = `
"use strict";
(async () => {
  const { path, since, method } = document.documentElement.dataset;
  const state = document.querySelector("[role=status]");
  const waiting = state.textContent;
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const change = () => new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  });
  const ask = async () => {
    const stop = new AbortController();
    change().then(() => stop.abort());
    try {
      const request = { cache: "no-store", signal: stop.signal };
      return (await fetch(path + "?since=" + since, request)).status;
    } catch {
      return stop.signal.aborted ? 204 : 503;
    }
  };
  for (;;) {
    while (document.hidden) await change();
    const status = await ask();
    if (status !== 204 && (status < 502 || status > 504)) break;
    state.textContent = status === 204 ? waiting : "The server does not answer. Waiting for it.";
    if (status !== 204) await pause(1000);
  }
  if (method === "GET") location.reload();
  else location.replace(location.pathname + location.search);
})();
`;

const NOTHING_ELSE = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"];

/** The value of Content-Security-Policy. */
export const CONTENT_SECURITY_POLICY = [
  ...NOTHING_ELSE,
  "frame-ancestors 'self'",
  `style-src ${hashSource(STYLE)}`,
  `script-src ${hashSource(SCRIPT)}`,
  "connect-src 'self'",
  "img-src data:",
].join("; ");

function hashSource(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
