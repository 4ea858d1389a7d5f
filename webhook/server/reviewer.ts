/** What the server needs from the rest of the program; main connects them. No technology here. */
import type { JsonObject } from '#kernel/json.ts';

/** What admission says about one AdmissionReview. Labels are bounded sets: they become metric labels. */
export interface AnsweredReview {
  /** The whole AdmissionReview to send back (`admission.k8s.io/v1`). */
  readonly body: JsonObject;
  /** Kind of the reviewed object, one of those we know or `other`. */
  readonly kind: string;
  /** Stable id such as `injected`, `unchanged`, `uninjected`, `skipped`, `refused`. */
  readonly decision: string;
  /** Stable id of why. */
  readonly reason: string;
}

/** Decides about one parsed body. @throws {AppError} REVIEW_INVALID when it is no AdmissionReview we understand. */
export type Reviewer = (review: unknown) => AnsweredReview;
