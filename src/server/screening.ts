/**
 * Looks at the heads of one connection's requests before anything is done for them: where they come
 * from, and whether they are let through. Remembers what holds for each request with the same
 * header section.
 */
import { type Admission, type AdmissionRule, admit } from "../handlers/admission.ts";
import type { Endpoints } from "../handlers/handler.ts";
import type { Provenance, ProvenanceReader } from "../handlers/provenance.ts";
import type { HeaderSection, RequestHead } from "../http1/request-head.ts";

export interface ScreeningSettings {
  readonly provenance: ProvenanceReader;
  /** Asked before all others, about requests that none of them should refuse; null for none. */
  readonly health: AdmissionRule | null;
  /** Asked in this order. */
  readonly admissionRules: readonly AdmissionRule[];
}

export class Screening {
  /** What the rules say of the present request; null where they have nothing to say. */
  admission: Admission | null = null;
  /** What a trusted proxy calls it; null where none does. */
  requestId: string | null = null;
  readonly endpoints: Endpoints;
  readonly #settings: ScreeningSettings;
  /** Whose provenance it is; one of an absolute-form target is kept for none. */
  #section: HeaderSection | null = null;
  #provenance: Provenance | null = null;

  constructor(settings: ScreeningSettings, endpoints: Endpoints) {
    this.#settings = settings;
    this.endpoints = endpoints;
  }

  /** The present request's; the same object while a client repeats its header section. */
  provenanceOf(head: RequestHead): Provenance {
    const isRepeated = this.#section === head.section && head.authority === null;
    if (isRepeated && this.#provenance !== null) return this.#provenance;
    const provenance = this.#settings.provenance.read(head, this.endpoints);
    if (head.authority === null) {
      this.#section = head.section;
      this.#provenance = provenance;
    }
    return provenance;
  }

  /** The request is over. */
  end(): void {
    this.admission = null;
    this.requestId = null;
  }

  /** A request's head has arrived. */
  screen(head: RequestHead): void {
    const { health, admissionRules } = this.#settings;
    const provenance = this.provenanceOf(head);
    this.requestId = provenance.requestId;
    this.admission = health?.admit(head, provenance) ?? admit(admissionRules, head, provenance);
  }
}
