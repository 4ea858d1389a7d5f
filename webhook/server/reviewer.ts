/** What the server needs from admission; main connects them. */
import type { ReviewAnswer } from '../admission/review.ts';

/** Decides about one parsed body. @throws {AppError} REVIEW_INVALID when it is not a supported AdmissionReview. */
export type Reviewer = (review: unknown) => ReviewAnswer;
