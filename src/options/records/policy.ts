/**
 * Options: which requests are let through to the application.
 *
 * One record each; what a record says is in `src/options/option-spec.ts`.
 */
import type { OptionSpec } from "../option-spec.ts";

export const POLICY_OPTIONS = {
  allowedHosts: {
    kind: "text",
    group: "Policy",
    flag: "--allowed-host",
    placeholder: "HOST",
    fallback: [],
    pattern: /^[^\0]+$/,
    expects: "a host such as example.org or *.example.org",
    separator: ",",
    alsoCalled: ["--allowed-hosts", "--server-name"],
    summary: "host that requests may be for, others get 421; repeatable",
    help:
      "An application that trusts Host can be made to send links to an attacker's site " +
      "(password resets), or to fill a cache with them. `*.example.org` is every name below " +
      "example.org, `.example.org` is itself too. A port counts only where it is given; case and " +
      "a dot at the end never do. A request that names no host is refused too (RFC 9110 section " +
      "15.5.20). Too narrow refuses health checks that ask by address. Without it every host is " +
      "served. nginx `server_name`, Django ALLOWED_HOSTS.",
    since: "0.1.0",
  },
  headerMap: {
    kind: "choice",
    group: "Policy",
    flag: "--header-map",
    fallback: "drop",
    words: ["drop", "refuse", "dangerous"],
    summary: "what becomes of fields whose names have an underscore",
    help:
      "WSGI makes HTTP_X_USER of both `X-User` and `X_User`, so that a client can slip past a " +
      "proxy what only the proxy should say. `drop`: the application does not see those with an " +
      "underscore. `refuse`: 400. `dangerous`: both are combined, for clients that cannot be " +
      "changed; even then not for fields of proxies, of browsers (`Sec-...`) or of the message " +
      "itself. gunicorn the same, nginx drops.",
    since: "0.1.0",
  },
  refusedMethods: {
    kind: "text",
    group: "Policy",
    flag: "--refuse-method",
    placeholder: "METHOD",
    fallback: ["TRACE"],
    pattern: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,36}$/,
    expects: "a method, such as TRACE",
    separator: ",",
    summary: "method that is answered 501 and never reaches the application; repeatable",
    help:
      "TRACE would send a client's own fields back to it, cookies included, which a script in a " +
      "page can then read (cross-site tracing). Methods are case-sensitive. CONNECT is always " +
      "refused, since no WSGI application can make a tunnel. What is given replaces the default.",
    since: "0.1.0",
  },
  fetchPolicy: {
    kind: "text",
    group: "Policy",
    flag: "--fetch-policy",
    placeholder: "[PATH=]MODE",
    fallback: ["off"],
    pattern: /^[^\0]+$/,
    expects: "off, report or enforce, or a path's, such as /public/=off",
    separator: ",",
    summary: "off, report or enforce: requests that other sites' pages make; repeatable",
    help:
      "By `Sec-Fetch-Site`, `-Mode` and `-Dest` browsers say where a request comes from. " +
      "`enforce` answers 403 where a page of another site made it, unless it is a link that " +
      "somebody followed, or the `--cors-...` options allow it: that ends cross-site request " +
      "forgery, scripts and images that are read across sites, and most timing leaks. `report` " +
      "only logs what would be refused. A path in front makes it hold there and below; the " +
      "longest one decides. Too strict hurts those who embed your pages or post forms to them " +
      "(payment, single sign-on): report first. Needs https, or browsers do not send the fields. " +
      "No peer has it; Go's `CrossOriginProtection` is like it. [edge-policy.md](edge-policy.md).",
    since: "0.1.0",
  },
  fetchSameSite: {
    kind: "text",
    group: "Policy",
    flag: "--fetch-same-site",
    placeholder: "[PATH=]MODE",
    fallback: ["allow"],
    pattern: /^[^\0]+$/,
    expects: "allow or refuse, or a path's, such as /account/=refuse",
    separator: ",",
    summary: "allow or refuse: pages of the site's other hosts pass as its own; repeatable",
    help:
      "`refuse` holds `blog.example.org` for a stranger to `app.example.org`: right where other " +
      "hosts of your domain show what users upload, or belong to somebody else. Too strict hurts " +
      "sites that are spread over several hosts. A path in front makes it hold there and below.",
    since: "0.1.0",
  },
  fetchFrames: {
    kind: "text",
    group: "Policy",
    flag: "--fetch-frames",
    placeholder: "PATH",
    fallback: ["/"],
    pattern: /^[^\0]+$/,
    expects: "a path such as /widget/, / for all, or none",
    separator: ",",
    summary: "path whose pages other sites may show in a frame; repeatable",
    help:
      "For `--fetch-policy`, which leaves frames alone by default, as the policy that web.dev " +
      "recommends does. A page in another site's frame can be clicked without being seen " +
      "(clickjacking): name what is made to be embedded, or `none`, and only whole tabs pass " +
      "elsewhere. Who may frame a page is still for its own `frame-ancestors` to say.",
    since: "0.1.0",
  },
  corsOrigins: {
    kind: "text",
    group: "Policy",
    flag: "--cors-origin",
    placeholder: "[PATH=]ORIGIN",
    fallback: [],
    pattern: /^[^\0]+$/,
    expects: "an origin such as https://app.example.org, with a path or without",
    separator: ",",
    alsoCalled: ["--cors-allow-origin", "--cors-allowed-origins"],
    summary: "origin whose pages may read answers across origins (CORS); repeatable",
    help:
      "`https://app.example.org`, `https://*.example.org` (every name below it, not itself) or " +
      "`*`. A path in front, `/api/=https://app.example.org`, makes it hold there and below; " +
      "the longest path decides, and `/internal/=off` leaves the application alone there. What " +
      "holds for all paths is given first. Preflights are answered without waking Python, and " +
      "the application's own `Access-Control-...` fields are replaced. An origin too many " +
      "reads what your users can read. Without it nothing is touched. nginx `add_header`, " +
      "django-cors-headers CORS_ALLOWED_ORIGINS. [edge-policy.md](edge-policy.md).",
    since: "0.1.0",
  },
  corsMethods: {
    kind: "text",
    group: "Policy",
    flag: "--cors-methods",
    placeholder: "[PATH=]METHOD",
    fallback: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    pattern: /^[^\0]+$/,
    expects: "methods such as PUT,DELETE, or *, or a path's, such as /api=DELETE",
    separator: ",",
    alsoCalled: ["--cors-allow-methods"],
    summary: "methods that pages of allowed origins may use; repeatable, or * for any",
    help:
      "GET, HEAD and POST cannot be kept from them, since forms can send these without asking. " +
      "Methods are case-sensitive: a page that says `patch` means another one. " +
      "`GET,/api=PUT,/api=DELETE` allows these two at `/api` and below, and elsewhere only " +
      "what forms can send. The longest path decides; what holds for all paths is given first, " +
      "or else is the default.",
    since: "0.1.0",
  },
  corsRequestFields: {
    kind: "text",
    group: "Policy",
    flag: "--cors-headers",
    placeholder: "[PATH=]NAME",
    fallback: ["authorization", "content-type"],
    pattern: /^[^\0]+$/,
    expects: "names of fields such as content-type,x-csrftoken, or *, or a path's: /api/=x-token",
    separator: ",",
    alsoCalled: ["--cors-allow-headers"],
    summary: "request fields that pages of allowed origins may set; repeatable, or * for any",
    help:
      "`*` does not stand for Authorization, which has to be named (Fetch, CORS non-wildcard " +
      "request-header name). What is given replaces the default, so name `content-type` too if " +
      "pages send JSON. Paths as for `--cors-methods`.",
    since: "0.1.0",
  },
  corsExposedFields: {
    kind: "text",
    group: "Policy",
    flag: "--cors-expose-headers",
    placeholder: "[PATH=]NAME",
    fallback: [],
    pattern: /^[^\0]+$/,
    expects: "names of fields such as x-total-count, or *, or a path's: /api/=etag",
    separator: ",",
    summary: "answer fields that pages of allowed origins may read; repeatable, or * for all",
    help:
      "Pages always see Cache-Control, Content-Language, Content-Length, Content-Type, Expires, " +
      "Last-Modified and Pragma; a Location, ETag or X-Request-ID only where it is named here. " +
      "`*` means all only where no credentials are allowed. Paths as for `--cors-methods`.",
    since: "0.1.0",
  },
  corsCredentials: {
    kind: "text",
    group: "Policy",
    flag: "--cors-credentials",
    placeholder: "PATH",
    fallback: [],
    alone: "/",
    pattern: /^[^\0]+$/,
    expects: "a path such as /api/, or / for all",
    separator: ",",
    alsoCalled: ["--cors-allow-credentials"],
    summary: "pages of allowed origins may act with the user's cookies",
    help:
      "Alone for every path, `--cors-credentials=/api/` for one; repeatable. Such a page reads " +
      "everything that its visitor may see, so name few origins. Refused beside the origin `*`: " +
      "browsers would not have it, and to name whoever asks would open every account to every " +
      "site.",
    since: "0.1.0",
  },
  corsPreflightMaxAge: {
    kind: "text",
    group: "Policy",
    flag: "--cors-max-age",
    placeholder: "[PATH=]TIME",
    fallback: ["600s"],
    pattern: /^[^\0]+$/,
    expects: "a duration, 1s to 24h, or off, or a path's, such as /api/=5m",
    maybeNumber: true,
    separator: ",",
    summary: "how long browsers may remember the answer to a preflight; repeatable",
    help:
      "Saves a round trip for each request that needs a preflight; a change of these options " +
      "takes this long to reach everybody. Chromium keeps none longer than 2 hours, Firefox " +
      "24; off says nothing, which is 5 s. A path in front makes it hold there and below. " +
      "Starlette 600 s, django-cors-headers 86400 s.",
    since: "0.1.0",
  },
} as const satisfies Record<string, OptionSpec>;
