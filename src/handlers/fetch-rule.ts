/**
 * The resource isolation policy in front of the application (`--fetch-policy`): requests that pages
 * of other sites make are refused, or reported, before the application sees them.
 *
 * Owns which policy holds for a request and what follows. What passes is decided in
 * `src/http/fetch-metadata.ts`.
 */
import {
  FETCH_METADATA_FIELDS,
  FETCH_POLICY_MODES,
  type FetchMetadata,
  type FetchPolicyMode,
  judgeFetch,
} from "../http/fetch-metadata.ts";
import type { PathRules } from "../http/path-rules.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { Admission, AdmissionRule } from "./admission.ts";
import type { CorsRule } from "./cors-rule.ts";
import type { RefusalReport } from "./refusal-report.ts";

export interface FetchRuleSettings {
  readonly modes: PathRules<FetchPolicyMode>;
  /** Where pages of other sites may show a page in a frame. */
  readonly frames: PathRules<boolean>;
  /** Where other hosts of the same site pass. */
  readonly sameSite: PathRules<boolean>;
  /** Whoever it lets read an answer passes; null: nobody. */
  readonly cors: CorsRule | null;
  readonly report: RefusalReport;
}

/** What is not refused is another answer for another kind of request as well. */
const PASSED: Admission = {
  answer: null,
  fields: "",
  replacedFields: new Set(),
  vary: FETCH_METADATA_FIELDS,
};

const REFUSED: Admission = {
  ...PASSED,
  answer: {
    status: 403,
    fields: "",
    detail: "pages of other sites may not make this request",
    content: null,
  },
};

export class FetchRule implements AdmissionRule {
  readonly #settings: FetchRuleSettings;

  constructor(settings: FetchRuleSettings) {
    this.#settings = settings;
  }

  admit(head: RequestHead): Admission | null {
    const mode = this.#modeAt(head);
    if (mode === "off") return null;
    const { section } = head;
    const metadata: FetchMetadata = {
      site: section.value("sec-fetch-site"),
      mode: section.value("sec-fetch-mode"),
      dest: section.value("sec-fetch-dest"),
    };
    const isEnforced = mode === "enforce";
    if (this.#passes(head, metadata)) return isEnforced ? PASSED : null;
    const { report } = this.#settings;
    const fields = { ...metadata, origin: section.value("origin") };
    if (isEnforced) {
      report.add("info", "a request from another site was refused", head, fields);
      return REFUSED;
    }
    report.add("warn", "--fetch-policy enforce would refuse a request", head, fields);
    return null;
  }

  #passes(head: RequestHead, metadata: FetchMetadata): boolean {
    const { frames, cors } = this.#settings;
    const isSibling = metadata.site === "same-site";
    const sameSite = isSibling && this.#settings.sameSite.valuesAt(head.path).every(Boolean);
    // Most requests need no exception, and to find out about one takes the path apart again.
    const usual = { sameSite, frames: false, cors: false };
    if (judgeFetch(head.method, metadata, usual) !== "refused") return true;
    const exceptions = {
      sameSite,
      frames: frames.valuesAt(head.path).every(Boolean),
      cors: cors !== null && cors.allows(head),
    };
    return judgeFetch(head.method, metadata, exceptions) !== "refused";
  }

  /** The strictest that holds for any reading of the path. */
  #modeAt(head: RequestHead): FetchPolicyMode {
    const ranks = this.#settings.modes
      .valuesAt(head.path)
      .map((mode) => FETCH_POLICY_MODES.indexOf(mode));
    return FETCH_POLICY_MODES[Math.max(...ranks)] ?? "enforce";
  }
}
